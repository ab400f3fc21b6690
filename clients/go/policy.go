package latchkey

import (
	"context"
	"errors"
	"log/slog"
	"strings"
)

const retryAfterSeconds = 5

// outcome is what happens to a request: it may pass as principal, or gets the problem response of denied. fields belong
// to its response, whatever that is.
type outcome struct {
	principal *Principal
	denied    *denial
	fields    []headerField
}

// allow returns that the request may pass, unless its key lacks one of scopes.
func allow(principal *Principal, scopes []string, fields []headerField) outcome {
	if missing := principal.missingScope(scopes); missing != "" {
		return outcome{denied: denyScope(missing), fields: fields}
	}
	return outcome{principal: principal, fields: fields}
}

// policy decides about requests. It waits for nothing.
type policy struct{ policySettings }

// decide returns the outcome of a verification. whole is what the request costs, by unit, with what it has paid before.
func (p *policy) decide(
	ctx context.Context, requestID string, found *Verification, scopes []string, whole map[string]int64,
) outcome {
	fields := rateLimitFields(found)
	principal := principalOf(found)
	if found.Valid {
		return allow(principal, scopes, fields)
	}
	switch slug := problemOfCode[found.Code]; slug {
	case "":
		return p.unknownCode(ctx, requestID, found.Code)
	case "insufficient-scope":
		missing := principal.missingScope(scopes)
		if missing == "" {
			missing = strings.Join(scopes, " ")
		}
		return outcome{denied: denyScope(missing), fields: fields}
	case quotaExceeded:
		return outcome{denied: denyLimit(found.wait(whole), found.ViolatedPolicies), fields: fields}
	default:
		return outcome{denied: &denial{slug: slug, detail: keyDenials[slug]}, fields: fields}
	}
}

// withoutVerdict returns the outcome if Latchkey returned no verdict, and logs why.
func (p *policy) withoutVerdict(ctx context.Context, requestID string, err error) outcome {
	failure := &Error{Kind: UnexpectedResponse, Message: "The call failed."}
	errors.As(err, &failure)
	if tooMuch := failure.aboveLimit(); tooMuch != "" {
		return outcome{denied: &denial{slug: "limit-too-small", detail: tooMuch}}
	}
	why := failure.diagnosis(p.url)
	if p.failOpen && failure.isOutage() {
		p.log(ctx, slog.LevelWarn, requestID, why+
			" The request passes without a check, because LATCHKEY_FAIL_OPEN is on.")
		return outcome{principal: &Principal{}}
	}
	p.log(ctx, slog.LevelError, requestID, why+" The request gets a 503.")
	seconds := int64(retryAfterSeconds)
	if failure.RetryAfterSeconds > 0 {
		seconds = int64(failure.RetryAfterSeconds)
	}
	return outcome{denied: denyWithoutVerdict(seconds)}
}

func (p *policy) unknownCode(ctx context.Context, requestID, code string) outcome {
	runes := []rune(forLog(code))
	p.log(ctx, slog.LevelError, requestID, "Latchkey returned the code "+string(runes[:min(len(runes), 40)])+
		", which this version of the module latchkey does not know. The request gets a 503. Upgrade the module.")
	return outcome{denied: denyWithoutVerdict(retryAfterSeconds)}
}

func (p *policy) log(ctx context.Context, level slog.Level, requestID, message string) {
	logger := p.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, level, message, slog.String("request_id", requestID))
}

// aboveLimit returns the detail of the denial if the request costs more than a limit of the caller's key ever allows.
func (e *Error) aboveLimit() string {
	for _, field := range e.Fields {
		if field.Code == "above-burst" || field.Code == "above-limit" {
			return field.Detail
		}
	}
	return ""
}
