package latchkey

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// None of these messages repeats the URL, because it may hold a password.
var (
	errNoAddress  = errors.New("the URL must be http:// or https:// and a host, for example https://keys.example.com")
	errUserInURL  = errors.New("the URL must not contain a user name or password; never put a key into a URL")
	errQueryInURL = errors.New("the URL must not have a query or a fragment")
)

// serverURL returns the address of a Latchkey, as people write it, without a slash at its end.
func serverURL(text string) (string, error) {
	address := strings.TrimSpace(text)
	parts, err := url.Parse(address)
	if err != nil || !isUsable(parts) || strings.ContainsFunc(address, isForeignToURL) {
		return "", errNoAddress
	}
	if parts.User != nil {
		return "", errUserInURL
	}
	if strings.ContainsAny(address, "?#") {
		return "", errQueryInURL
	}
	return strings.TrimRight(address, "/"), nil
}

func isUsable(parts *url.URL) bool {
	if (parts.Scheme != "http" && parts.Scheme != "https") || parts.Hostname() == "" {
		return false
	}
	_, err := strconv.ParseUint(parts.Port(), 10, 16)
	return parts.Port() == "" || err == nil
}

func isForeignToURL(character rune) bool {
	return character == '\\' || unicode.IsSpace(character) || !unicode.IsPrint(character)
}
