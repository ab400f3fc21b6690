package latchkey

// RemainingLimit is what is left of a key's rate limit: Remaining of Limit tokens, which refill in PerSeconds.
//
// The bucket has one more token in NextTokenSeconds, and is full again in ResetSeconds; both are 0 for a full one.
type RemainingLimit struct {
	Limit            int64
	PerSeconds       int64
	Remaining        int64
	NextTokenSeconds int64
	ResetSeconds     int64
}

// PlanLimit is what is left of a limit of a key's plan: Remaining of Limit units in PerSeconds.
//
// Mode is "enforce", or "observe" if the limit refuses nothing. PerSeconds is nil for a quota that never starts again.
// The rest is nil if the request named no cost of the unit. A rate has one more unit in NextTokenSeconds and is full in
// ResetSeconds; for a quota, both are the seconds to the end of its period, and nil if there is no end.
type PlanLimit struct {
	Name             string
	Unit             string
	Mode             string
	Limit            int64
	PerSeconds       *int64
	Remaining        *int64
	NextTokenSeconds *int64
	ResetSeconds     *int64
}

// asPlanLimit returns the limit in the shape of a plan's limits.
func (l RemainingLimit) asPlanLimit() PlanLimit {
	return PlanLimit{
		keyPolicy, unitRequests, modeEnforce, l.Limit,
		&l.PerSeconds, &l.Remaining, &l.NextTokenSeconds, &l.ResetSeconds,
	}
}

func readRemainingLimit(found *document) *RemainingLimit {
	return &RemainingLimit{
		Limit:            found.integer("limit"),
		PerSeconds:       found.integer("per_seconds"),
		Remaining:        found.integer("remaining"),
		NextTokenSeconds: found.integer("next_token_seconds"),
		ResetSeconds:     found.integer("reset_seconds"),
	}
}

func readPlanLimit(found *document) PlanLimit {
	return PlanLimit{
		Name:             found.text("name"),
		Unit:             found.text("unit"),
		Mode:             found.text("mode"),
		Limit:            found.integer("limit"),
		PerSeconds:       found.optionalInteger("per_seconds"),
		Remaining:        found.optionalInteger("remaining"),
		NextTokenSeconds: found.optionalInteger("next_token_seconds"),
		ResetSeconds:     found.optionalInteger("reset_seconds"),
	}
}
