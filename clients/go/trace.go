package latchkey

import (
	"regexp"
	"strings"
)

var traceIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// traceparent returns a position in a new trace for a request (W3C Trace Context, section 3.2).
//
// Its trace ID is the request ID if that's a valid trace ID: one search then finds the request and its trace.
func traceparent(requestID string) string {
	trace := requestID
	if !traceIDPattern.MatchString(trace) || strings.Trim(trace, "0") == "" {
		trace = randomHex(16)
	}
	return "00-" + trace + "-" + randomHex(8) + "-01"
}
