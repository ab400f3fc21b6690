package latchkey

import (
	"encoding/json"
	"fmt"
	"regexp"
)

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

// printedOptions are options without the API key, and without the methods that show them so.
type printedOptions Options

func (o Options) printed() printedOptions {
	if o.APIKey != "" {
		o.APIKey = "[redacted]"
	}
	return printedOptions(o)
}

// Format prints the options without the API key, whatever the verb is.
func (o Options) Format(state fmt.State, verb rune) {
	fmt.Fprintf(state, fmt.FormatString(state, verb), o.printed())
}

// MarshalJSON returns the options as JSON without the API key: logs contain values as JSON.
func (o Options) MarshalJSON() ([]byte, error) { return json.Marshal(o.printed()) }
