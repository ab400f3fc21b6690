package latchkey

import (
	"context"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// Principal is the key that a request is from.
//
// If Verified is false, Latchkey didn't respond and your app fails open: the caller is unknown, the other fields are
// empty, and Allows returns false for every scope.
//
// RateLimit is nil for an unlimited key. If a proxy has checked the request, Label, Metadata and the limits are empty.
type Principal struct {
	KeyID     string
	Label     string
	Owner     string
	Scopes    []string
	Metadata  map[string]any
	RateLimit *RemainingLimit
	Limits    []PlanLimit
	Verified  bool
}

// Allows returns whether the key's scopes include scope.
func (p *Principal) Allows(scope string) bool { return covers(p.Scopes, scope) }

// FromContext returns the key that a request behind RequireKey is from, or nil for any other request.
func FromContext(ctx context.Context) *Principal {
	if found, ok := ctx.Value(visitKey{}).(*visit); ok {
		return found.principal
	}
	return nil
}

// missingScope returns the first of scopes that the key lacks, or "". An unverified caller lacks none.
func (p *Principal) missingScope(scopes []string) string {
	lacks := slices.IndexFunc(scopes, func(scope string) bool { return !p.Allows(scope) })
	if !p.Verified || lacks < 0 {
		return ""
	}
	return scopes[lacks]
}

func principalOf(found *Verification) *Principal {
	return &Principal{
		found.KeyID, found.Label, found.Owner, found.Scopes, found.Metadata, found.RateLimit, found.Limits, true,
	}
}

// principalOfProxy returns the key that a proxy names in its X-Latchkey-* fields, or nil without a valid key ID.
func principalOfProxy(keyID, owner, scopes string) *Principal {
	// A field that was sent twice is joined by commas: it isn't a key ID then.
	if !keyIDPattern.MatchString(keyID) {
		return nil
	}
	named := strings.Fields(percentDecode(scopes))
	slices.Sort(named)
	return &Principal{KeyID: keyID, Owner: percentDecode(owner), Scopes: slices.Compact(named), Verified: true}
}

var percentPattern = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})+`)

// percentDecode returns text decoded. What isn't valid UTF-8 becomes U+FFFD.
func percentDecode(text string) string {
	return percentPattern.ReplaceAllStringFunc(text, func(encoded string) string {
		decoded, _ := hex.DecodeString(strings.ReplaceAll(encoded, "%", ""))
		// The conversion replaces each byte that isn't UTF-8.
		return string([]rune(string(decoded)))
	})
}
