package latchkey

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Kinds of problems with which a request is denied: the part of Latchkey's catalog that this package needs.
var problemTypes = map[string]struct {
	status int
	title  string
}{
	"ambiguous-credential": {400, "Conflicting credentials"},
	"missing-credential":   {401, "Missing credential"},
	"malformed-credential": {401, "Malformed credential"},
	"invalid-credential":   {401, "Unknown key or wrong secret"},
	"expired-key":          {401, "The key has expired"},
	"disabled-key":         {401, "The key is disabled"},
	"revoked-key":          {401, "The key is revoked"},
	"insufficient-scope":   {403, "The key lacks a scope"},
	"limit-too-small":      {403, "The key's rate limit is too small"},
	quotaExceeded:          {429, "Too many requests"},
	"unavailable":          {503, "Temporarily unavailable"},
}

// Detail of each problem with a well-formed credential, as Latchkey itself returns it.
var keyDenials = map[string]string{
	"invalid-credential": "The key ID is unknown or the secret is wrong.",
	"expired-key":        "This key has expired.",
	"disabled-key":       "This key is disabled.",
	"revoked-key":        "This key was revoked.",
}

// denial is why a request is denied. Its detail never repeats what the client sent.
type denial struct {
	slug              string
	detail            string
	violatedPolicies  []string
	retryAfterSeconds *int64
}

func (d *denial) status() int { return problemTypes[d.slug].status }

// fields returns the header fields of the problem response, in addition to those of every response.
func (d *denial) fields() []headerField {
	fields := []headerField{{"Content-Type", problemType}, {"Cache-Control", "no-store"}}
	if d.status() == 401 {
		fields = append(fields, headerField{"WWW-Authenticate", challenge})
	}
	if d.retryAfterSeconds != nil {
		fields = append(fields, headerField{headerRetryAfter, strconv.FormatInt(*d.retryAfterSeconds, 10)})
	}
	return fields
}

// body returns the problem details (RFC 9457). path is that of the request; secrets in it are removed.
func (d *denial) body(path, requestID, publicURL string) []byte {
	typeURI := publicURL + "/problems/" + d.slug
	if d.slug == quotaExceeded {
		typeURI = quotaExceededType
	}
	body, err := json.Marshal(struct {
		Type             string   `json:"type"`
		Title            string   `json:"title"`
		Status           int      `json:"status"`
		Detail           string   `json:"detail"`
		Instance         string   `json:"instance"`
		RequestID        string   `json:"request_id"`
		ViolatedPolicies []string `json:"violated-policies,omitempty"`
	}{
		typeURI, problemTypes[d.slug].title, d.status(), redactTokens(d.detail), redactTokens(path), requestID,
		d.violatedPolicies,
	})
	if err != nil {
		panic("latchkey: texts and numbers are always valid JSON")
	}
	return body
}

func denyScope(scope string) *denial {
	return &denial{slug: "insufficient-scope", detail: "This call needs the scope " + scope + "."}
}

// denyCost returns the denial for a request that costs more tokens than the key's bucket of burst can ever hold.
func denyCost(cost, burst int64) *denial {
	needed := withCommas(cost)
	detail := "This request costs " + needed + " tokens; the key's bucket holds " + withCommas(burst) + ". Give the key " +
		"a burst of at least " + needed + "."
	return &denial{slug: "limit-too-small", detail: detail}
}

// denyLimit returns the denial for a key of which the limits named violated refused a request. seconds is nil if one of
// them never starts again.
func denyLimit(seconds *int64, violated []string) *denial {
	exceeded := "Limits exceeded: " + strings.Join(violated, ", ") + "."
	if len(violated) == 1 && violated[0] == keyPolicy {
		exceeded = "Rate limit exceeded."
	} else if len(violated) == 1 {
		exceeded = "Limit exceeded: " + violated[0] + "."
	}
	when := "Waiting doesn't help: a quota that never starts again is used up."
	if seconds != nil {
		when = "Retry in " + inSeconds(*seconds) + "."
	}
	return &denial{quotaExceeded, exceeded + " " + when, violated, seconds}
}

// denyWithoutVerdict returns the denial for a caller who must not learn what is wrong with your app.
func denyWithoutVerdict(seconds int64) *denial {
	detail := "The API key can't be checked at the moment. Retry in " + inSeconds(seconds) + ". If it keeps failing, " +
		"give the request ID to the operator of this service."
	return &denial{slug: "unavailable", detail: detail, retryAfterSeconds: &seconds}
}

func inSeconds(seconds int64) string {
	if seconds == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", seconds)
}

// withCommas returns a number for people: 1000000 as 1,000,000.
func withCommas(number int64) string {
	digits := strconv.FormatInt(number, 10)
	for place := len(digits) - 3; place > 0; place -= 3 {
		digits = digits[:place] + "," + digits[place:]
	}
	return digits
}
