package latchkey

// wait returns the seconds until a denied request can pass, or nil if a quota that never starts again refuses it.
//
// If whole isn't nil, the request pays again what it has paid at earlier places: whole is the cost of all, by unit.
func (v *Verification) wait(whole map[string]int64) *int64 {
	longest := v.RetryAfterSeconds
	// Only a quota of a plan has no time to wait.
	if second := int64(1); len(v.Limits) == 0 && (longest == nil || *longest < 1) {
		longest = &second
	}
	limits := v.Limits
	if v.RateLimit != nil {
		limits = append([]PlanLimit{v.RateLimit.asPlanLimit()}, limits...)
	}
	for _, limit := range limits {
		// The response has no state of a limit that the request didn't claim.
		if limit.Mode != modeEnforce || limit.Remaining == nil || whole[limit.Unit] <= *limit.Remaining {
			continue
		}
		longest = longer(longest, limit.wait(whole[limit.Unit]))
	}
	return longest
}

// wait returns the seconds, rounded up, until the limit has needed units, which are more than it has now, or nil if it
// never has.
func (l PlanLimit) wait(needed int64) *int64 {
	if l.NextTokenSeconds == nil || l.ResetSeconds == nil || l.PerSeconds == nil {
		return nil
	}
	// Without max, a limit of 0 in a response would be a panic.
	capacity, afterNext := max(l.Limit, 1), needed-*l.Remaining-1
	refilled := *l.NextTokenSeconds + (afterNext**l.PerSeconds+capacity-1)/capacity
	// A quota gets all of its units back at the same time, and no limit needs longer than until it's full.
	seconds := min(refilled, *l.ResetSeconds)
	return &seconds
}

// longer returns the longer of two waits, of which nil never ends.
func longer(one, other *int64) *int64 {
	if one == nil || other == nil {
		return nil
	}
	seconds := max(*one, *other)
	return &seconds
}
