package latchkey

import (
	"slices"
	"strings"
	"unicode"
)

const maxLogMessage = 300

var ownKeyProblems = []string{
	"ambiguous-credential", "missing-credential", "malformed-credential", "invalid-credential", "disabled-key",
	"expired-key", "revoked-key", "insufficient-scope",
}

// diagnosis returns what is wrong and, if it's the app's own configuration, how to fix it.
func (e *Error) diagnosis() string {
	message := forLog(e.Message)
	switch {
	case e.isOutage():
		return "Latchkey can't verify a request: " + message
	case e.Kind != ReceivedProblem:
		return "Latchkey can't be used at LATCHKEY_URL: " + message + " " + e.Remedy
	case slices.Contains(ownKeyProblems, e.Slug):
		return "Latchkey rejects this service's own key, LATCHKEY_API_KEY (" + e.Slug + "): " + message +
			" Set it to the credential of an active key with the scope verify."
	case e.Status == 429:
		return "Latchkey throttles the calls of this service with LATCHKEY_API_KEY: " + message + " " + e.Remedy
	}
	return "Latchkey rejects the call of this service: " + message +
		" Check LATCHKEY_URL, and the scopes and the cost that the request needs."
}

// forLog returns a text that another server may have written, so that it adds neither lines nor secrets to a log.
func forLog(text string) string {
	isForeign := func(each rune) bool { return unicode.IsSpace(each) || !unicode.IsPrint(each) }
	runes := []rune(strings.Join(strings.FieldsFunc(redactTokens(text), isForeign), " "))
	return string(runes[:min(len(runes), maxLogMessage)])
}
