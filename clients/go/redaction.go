package latchkey

import "regexp"

var redactions = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`lks_[0-9A-Za-z_]+`), "lks_[redacted]"},
	// HTTP Basic carries a credential as Base64. Every key ID starts with "lk_", so such a token starts with "bGtf".
	{regexp.MustCompile(`bGtf[A-Za-z0-9+/_-]{16,}={0,2}`), "[redacted]"},
	{regexp.MustCompile(`whsec_[A-Za-z0-9+/=_-]+`), "whsec_[redacted]"},
}

// redactTokens returns text without secrets that are recognizable by their own shape.
func redactTokens(text string) string {
	for _, redaction := range redactions {
		text = redaction.pattern.ReplaceAllString(text, redaction.replacement)
	}
	return text
}
