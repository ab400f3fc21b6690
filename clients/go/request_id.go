package latchkey

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
)

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// newRequestID returns a new request ID: 32 random hexadecimal characters.
func newRequestID() string { return randomHex(16) }

// isRequestID returns whether text can be a request ID: 1 to 128 letters, digits, '.', '_' or '-', without a secret.
func isRequestID(text string) bool {
	return requestIDPattern.MatchString(text) && !containsSecret(text)
}

// resolveRequestID returns the client's ID if it can be a request ID, otherwise a new one.
func resolveRequestID(offered string) string {
	// An ID of arbitrary characters could inject lines into a log.
	if isRequestID(offered) {
		return offered
	}
	return newRequestID()
}

// randomHex returns so many random bytes in hexadecimal.
func randomHex(bytes int) string {
	random := make([]byte, bytes)
	if _, err := rand.Read(random); err != nil {
		panic("latchkey: the operating system has no random numbers")
	}
	return hex.EncodeToString(random)
}
