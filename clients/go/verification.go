package latchkey

const rateLimited = "RATE_LIMITED"

// The problem to report to the caller, for each code of a denial that this version knows.
var problemOfCode = map[string]string{
	"INVALID":            "invalid-credential",
	"DISABLED":           "disabled-key",
	"EXPIRED":            "expired-key",
	"REVOKED":            "revoked-key",
	"INSUFFICIENT_SCOPE": "insufficient-scope",
	rateLimited:          quotaExceeded,
}

// Verification is the result of verifying a credential. Check Valid to decide about a request.
//
// Code is VALID, INVALID, DISABLED, EXPIRED, REVOKED, INSUFFICIENT_SCOPE or RATE_LIMITED. The fields about the key are
// set with VALID, INSUFFICIENT_SCOPE and RATE_LIMITED. RateLimit is nil for an unlimited key too, and Limits are those
// of the key's plan. ViolatedPolicies names the limits that refused the request, "key" for the key's own.
//
// RetryAfterSeconds is set with RATE_LIMITED, unless a quota refused the request that never starts again.
type Verification struct {
	Valid             bool
	Code              string
	KeyID             string
	Label             string
	Owner             string
	Scopes            []string
	Metadata          map[string]any
	RateLimit         *RemainingLimit
	Limits            []PlanLimit
	ViolatedPolicies  []string
	RetryAfterSeconds *int64
	// RequestID names the call in Latchkey's log.
	RequestID string
}

// readVerification returns the verification in the JSON of a response, or an *Error if its shape is wrong.
func readVerification(body []byte, requestID string) (*Verification, error) {
	found := readDocument(body, "verification")
	verification := &Verification{
		Valid:             found.boolean("valid"),
		Code:              found.text("code"),
		KeyID:             optional(found, "key_id", found.text),
		Label:             optional(found, "label", found.text),
		Owner:             optional(found, "owner", found.text),
		Scopes:            optional(found, "scopes", found.texts),
		Metadata:          optional(found, "metadata", found.object),
		ViolatedPolicies:  optional(found, "violated_policies", found.texts),
		RetryAfterSeconds: found.optionalInteger("retry_after"),
		RequestID:         requestID,
	}
	if found.has("rate_limit") {
		limit := readDocument(found.fields["rate_limit"], "rate limit")
		verification.RateLimit = readRemainingLimit(limit)
		found.adopt(limit)
	}
	for _, raw := range optional(found, "limits", found.rawList) {
		limit := readDocument(raw, "limit")
		verification.Limits = append(verification.Limits, readPlanLimit(limit))
		found.adopt(limit)
	}
	if found.err != nil {
		return nil, found.err
	}
	// For a key without a plan, only its own limit can have refused the request.
	if verification.Code == rateLimited && !found.has("violated_policies") {
		verification.ViolatedPolicies = []string{keyPolicy}
	}
	return verification, nil
}
