package latchkey

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	keyPolicy    = "key"
	unitRequests = "requests"
	modeEnforce  = "enforce"
)

// rateLimitFields returns the fields that describe what is left of a key's limits, as
// draft-ietf-httpapi-ratelimit-headers-11 and as the older X-RateLimit fields. An unlimited key has none.
//
// RateLimit-Policy lists all limits, RateLimit those that the request claimed. The older fields have one limit only:
// the tightest of those that can refuse a request.
func rateLimitFields(found *Verification) []headerField {
	limits := found.Limits
	if found.RateLimit != nil {
		limits = append([]PlanLimit{found.RateLimit.asPlanLimit()}, limits...)
	}
	var policies, states []string
	var tightest *PlanLimit
	for i, limit := range limits {
		policies = append(policies, policyOf(limit))
		if limit.Remaining == nil {
			continue
		}
		states = append(states, stateOf(limit))
		if limit.Mode == modeEnforce && (tightest == nil || limit.isTighterThan(*tightest)) {
			tightest = &limits[i]
		}
	}
	var fields []headerField
	if len(policies) > 0 {
		fields = append(fields, headerField{headerRateLimitPolicy, strings.Join(policies, ", ")})
	}
	if len(states) > 0 {
		fields = append(fields, headerField{headerRateLimit, strings.Join(states, ", ")})
	}
	if tightest != nil {
		fields = append(fields, tightest.olderFields()...)
	}
	return fields
}

func policyOf(limit PlanLimit) string {
	text := fmt.Sprintf(`"%s";q=%d`, limit.Name, limit.Limit)
	if limit.PerSeconds != nil {
		text += fmt.Sprintf(";w=%d", *limit.PerSeconds)
	}
	// The draft's default unit is a request. Names and units have no character that a quoted string escapes.
	if limit.Unit != unitRequests {
		text += fmt.Sprintf(`;qu="%s"`, limit.Unit)
	}
	return text
}

func stateOf(limit PlanLimit) string {
	text := fmt.Sprintf(`"%s";r=%d`, limit.Name, *limit.Remaining)
	if limit.NextTokenSeconds != nil {
		text += fmt.Sprintf(";t=%d", *limit.NextTokenSeconds)
	}
	return text
}

func (l PlanLimit) olderFields() []headerField {
	fields := []headerField{
		{headerXRateLimitLimit, strconv.FormatInt(l.Limit, 10)},
		{headerXRateLimitRemaining, strconv.FormatInt(*l.Remaining, 10)},
	}
	if l.ResetSeconds != nil {
		fields = append(fields, headerField{headerXRateLimitReset, strconv.FormatInt(*l.ResetSeconds, 10)})
	}
	return fields
}

// isTighterThan returns whether a smaller part of the limit is left; of equal ones, whether its reset is later.
func (l PlanLimit) isTighterThan(other PlanLimit) bool {
	// Compared as fractions, without dividing. The products can be larger than 64 bits.
	left := new(big.Int).Mul(big.NewInt(*l.Remaining), big.NewInt(other.Limit))
	order := left.Cmp(new(big.Int).Mul(big.NewInt(*other.Remaining), big.NewInt(l.Limit)))
	if order != 0 {
		return order < 0
	}
	// A limit without a reset is never full again.
	return other.ResetSeconds != nil && (l.ResetSeconds == nil || *l.ResetSeconds > *other.ResetSeconds)
}
