package latchkey

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	maxLogMessage = 300
	maxLogPath    = 100
	checkAddress  = "Check that LATCHKEY_URL is the address of a Latchkey server, and check the proxy in front of it."
)

var ownKeyProblems = []string{
	"ambiguous-credential", "missing-credential", "malformed-credential", "invalid-credential", "disabled-key",
	"expired-key", "revoked-key", "insufficient-scope",
}

// diagnosis returns what is wrong and, if it's the app's own configuration, how to fix it. address is LATCHKEY_URL.
func (e *Error) diagnosis(address string) string {
	message := forLog(e.Message)
	// Latchkey itself always responds with a problem.
	if e.Kind == UnexpectedResponse {
		message = joined(message, checkAddress, aboutPath(address))
	}
	switch {
	case e.isOutage():
		return "Latchkey can't verify a request: " + message
	case e.Kind == UnexpectedResponse:
		return "Latchkey can't be used at LATCHKEY_URL: " + message
	case e.Kind != ReceivedProblem:
		return "Latchkey can't be used at LATCHKEY_URL: " + joined(message, e.Remedy)
	case slices.Contains(ownKeyProblems, e.Slug):
		return "Latchkey rejects this service's own key, LATCHKEY_API_KEY (" + e.Slug + "): " + message +
			" Set it to the credential of an active key with the scope verify."
	case e.Status == 429:
		return "Latchkey throttles the calls of this service with LATCHKEY_API_KEY: " + joined(message, e.Remedy)
	}
	remedy := aboutPath(address)
	if remedy == "" {
		remedy = "Check LATCHKEY_URL, and the scopes and the cost that the request needs."
	}
	return "Latchkey rejects the call of this service: " + message + " " + remedy
}

// aboutPath returns what to do about the path of LATCHKEY_URL, or "" if it has none.
func aboutPath(address string) string {
	parts, err := url.Parse(address)
	if err != nil || parts.Path == "" {
		return ""
	}
	path := redactTokens(parts.EscapedPath())
	return "LATCHKEY_URL has the path " + path[:min(len(path), maxLogPath)] + ": leave it out, unless a proxy adds it."
}

// joined returns the sentences, of which any may be empty, as one text.
func joined(sentences ...string) string {
	sentences = slices.DeleteFunc(sentences, func(sentence string) bool { return sentence == "" })
	return strings.Join(sentences, " ")
}

// forLog returns a text that another server may have written, so that it adds neither lines nor secrets to a log.
func forLog(text string) string {
	isForeign := func(each rune) bool { return unicode.IsSpace(each) || !unicode.IsPrint(each) }
	runes := []rune(strings.Join(strings.FieldsFunc(redactTokens(text), isForeign), " "))
	return string(runes[:min(len(runes), maxLogMessage)])
}
