package latchkey

// wait returns the seconds until a denied request can pass, or nil if a quota that never starts again refuses it.
//
// The request pays again what it has paid before, so there must be room for that too.
func (v *Verification) wait(paid map[string]int64) *int64 {
	var seconds int64
	if v.RetryAfterSeconds != nil {
		seconds = *v.RetryAfterSeconds
	} else if len(v.Limits) > 0 {
		return nil
	}
	// Only a quota of a plan has no time to wait.
	if len(v.Limits) == 0 {
		seconds = max(seconds, 1)
	}
	seconds += v.refillSeconds(paid)
	return &seconds
}

// refillSeconds returns the whole seconds, rounded up, after which the key's limits have paid again, by unit.
func (v *Verification) refillSeconds(paid map[string]int64) (seconds int64) {
	limits := v.Limits
	if v.RateLimit != nil {
		limits = append([]PlanLimit{v.RateLimit.asPlanLimit()}, limits...)
	}
	for _, limit := range limits {
		// Without this check, a limit of 0 in a response would be a panic.
		if limit.PerSeconds != nil && limit.Limit > 0 {
			seconds = max(seconds, (paid[limit.Unit]**limit.PerSeconds+limit.Limit-1)/limit.Limit)
		}
	}
	return seconds
}
