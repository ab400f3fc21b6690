package latchkey

// Names of the header fields that this package reads and writes.
const (
	headerAPIKey        = "X-API-Key"
	headerAuthorization = "Authorization"
	headerRequestID     = "X-Request-Id"
	headerRetryAfter    = "Retry-After"
	headerTraceparent   = "Traceparent"

	headerKeyID  = "X-Latchkey-Key-Id"
	headerOwner  = "X-Latchkey-Owner"
	headerScopes = "X-Latchkey-Scopes"

	headerRateLimit           = "RateLimit"
	headerRateLimitPolicy     = "RateLimit-Policy"
	headerXRateLimitLimit     = "X-RateLimit-Limit"
	headerXRateLimitRemaining = "X-RateLimit-Remaining"
	headerXRateLimitReset     = "X-RateLimit-Reset"
)

var rateLimitHeaders = []string{
	headerRateLimit, headerRateLimitPolicy, headerXRateLimitLimit, headerXRateLimitRemaining, headerXRateLimitReset,
}

// Value of WWW-Authenticate in every 401.
const challenge = `Bearer realm="Latchkey"`

// headerField is a header field of a response.
type headerField struct{ name, value string }
