package latchkey

import (
	"net/http"
	"net/url"
	"strings"
)

// incoming is a request to the app, as far as a decision about it depends on it.
type incoming struct {
	path      string
	requestID string
}

func newIncoming(r *http.Request) incoming {
	return incoming{originalPath(r), resolveRequestID(fieldOf(r, headerRequestID))}
}

// originalPath returns the path as it was sent, decoded: http.StripPrefix removes a part of it from the URL.
func originalPath(r *http.Request) string {
	target, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		target = r.URL
	}
	if target.Path == "" {
		return "/"
	}
	return target.Path
}

// fieldOf returns a header field; several fields of that name are joined by commas.
func fieldOf(r *http.Request, name string) string {
	return fromLatin1(strings.Join(r.Header.Values(name), ","))
}

// credentialOf returns the credential of a request, or the denial for what was sent.
func credentialOf(r *http.Request, importedTokens bool) (credential, *denial) {
	return credentialFromHeaders(fieldOf(r, headerAPIKey), fieldOf(r, headerAuthorization), importedTokens)
}

// proxyIdentityOf returns the caller as X-Latchkey-* fields name it, or nil. Anyone can send them.
func proxyIdentityOf(r *http.Request) *Principal {
	return principalOfProxy(fieldOf(r, headerKeyID), fieldOf(r, headerOwner), fieldOf(r, headerScopes))
}
