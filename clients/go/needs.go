package latchkey

import (
	"maps"
	"slices"
)

// Needs is what a request to a route must have: a key with all of Scopes, which pays Cost tokens (0 counts as 1), and
// Costs in other units, by unit. The zero value needs any valid key.
type Needs struct {
	Scopes []string
	Cost   int64
	Costs  map[string]int64
}

// checked returns a copy with the cost in requests among Costs. It panics for a mistake, which would otherwise protect
// less than it says.
func (n Needs) checked() Needs {
	costs := maps.Clone(n.Costs)
	if costs == nil {
		costs = map[string]int64{}
	}
	if _, named := costs[unitRequests]; named && n.Cost != 0 {
		panic("latchkey: name the cost either in Cost or as the unit requests")
	} else if !named {
		costs[unitRequests] = max(n.Cost, 1)
	}
	if n.Cost < 0 || costs[unitRequests] < 1 {
		panic("latchkey: the cost of a route must be above 0")
	}
	for unit, cost := range costs {
		if unit == "" || cost < 0 {
			panic("latchkey: a cost needs a unit, and can't be below 0")
		}
	}
	if slices.Contains(n.Scopes, "") {
		panic("latchkey: a scope of a route is empty")
	}
	return Needs{Scopes: slices.Clone(n.Scopes), Costs: costs}
}

// owed returns the costs by unit that are above what has been paid; all of them if that is nil.
func (n Needs) owed(paid map[string]int64) map[string]int64 {
	owed := map[string]int64{}
	for unit, cost := range n.Costs {
		if paid == nil || cost > paid[unit] {
			owed[unit] = cost - paid[unit]
		}
	}
	return owed
}

// cost returns the cost in requests, and those in other units.
func (n Needs) cost() (int64, map[string]int64) {
	cost, others := n.Cost, maps.Clone(n.Costs)
	if requests, named := others[unitRequests]; named && cost == 0 {
		delete(others, unitRequests)
		return requests, others
	}
	return max(cost, 1), others
}
