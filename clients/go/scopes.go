package latchkey

import (
	"slices"
	"strings"
)

// covers returns whether the scopes granted include the scope required. In a granted scope, * matches any characters.
func covers(granted []string, required string) bool {
	return slices.ContainsFunc(granted, func(scope string) bool {
		return scope == required || scope == "*" || (strings.Contains(scope, "*") && matches(scope, required))
	})
}

// matches returns whether text matches a pattern with at least one *, in linear time.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	rest, hasFirst := strings.CutPrefix(text, first)
	rest, hasLast := strings.CutSuffix(rest, last)
	if !hasFirst || !hasLast {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		var found bool
		if _, rest, found = strings.Cut(rest, part); !found {
			return false
		}
	}
	return true
}
