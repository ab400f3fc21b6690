package latchkey

// Kind says what an Error is about.
type Kind string

// The kinds of errors.
const (
	// NoResponse: Latchkey couldn't be reached, was too slow, or closed the connection before it had responded.
	NoResponse Kind = "no response"
	// UntrustedServer: TLS failed. Nothing was sent.
	UntrustedServer Kind = "untrusted server"
	// UnexpectedResponse: the response isn't from Latchkey, or not from Latchkey alone.
	UnexpectedResponse Kind = "unexpected response"
	// ReceivedProblem: Latchkey returned a problem (RFC 9457).
	ReceivedProblem Kind = "problem"
)

// Error is why a call has no verdict: let nothing pass. It contains no secret.
type Error struct {
	Kind    Kind
	Message string
	// Remedy says what to do next. It may be empty.
	Remedy string
	// Status is that of the response, 0 without one.
	Status int
	// Slug is the last part of a problem's type.
	Slug string
	// RetryAfterSeconds is a problem's Retry-After, 0 without one.
	RetryAfterSeconds int
	// Fields are the parts of the call that a problem rejects.
	Fields []FieldError

	cause error
}

// FieldError is a part of a call that Latchkey rejects. Code is for programs, Detail for people.
type FieldError struct{ Code, Detail string }

func (e *Error) Error() string { return "latchkey: " + e.Message }

// Unwrap returns the error of the context that ended the call, or nil.
func (e *Error) Unwrap() error { return e.cause }

// isOutage returns whether Latchkey is down or slow, as opposed to being called in a wrong way.
func (e *Error) isOutage() bool {
	return e.Kind == NoResponse || (e.Kind != UntrustedServer && e.Status >= 500)
}

func noResponse(message string, cause error) *Error {
	return &Error{Kind: NoResponse, Message: message, cause: cause}
}

func unexpectedResponse(message string, status int) *Error {
	return &Error{
		Kind:    UnexpectedResponse,
		Message: redactTokens(message),
		Remedy:  "Check that the URL is the address of a Latchkey server, and check the proxy in front of it.",
		Status:  status,
	}
}
