package latchkey

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const keyID = "lk_0123456789ab"

// credentialFor returns a well-formed credential, made at run time so that no scanner takes it for a real one.
func credentialFor(letter string) string {
	random := strings.Repeat(letter, 43)
	return keyID + ":lks_" + random + checksum(random)
}

var own, caller = credentialFor("a"), credentialFor("b")

// serving is a Latchkey that returns the same JSON for each call, and keeps the bodies of the calls.
func serving(t *testing.T, status int, response string) (url string, bodies *[]string) {
	t.Helper()
	bodies = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*bodies = append(*bodies, string(body))
		w.Header().Set("Content-Type", map[bool]string{true: jsonType, false: problemType}[status < 300])
		w.Header().Set(headerRequestID, r.Header.Get(headerRequestID))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, response)
	}))
	t.Cleanup(server.Close)
	return server.URL, bodies
}

func clientOf(t *testing.T, url string) *Client {
	t.Helper()
	client, err := NewClient(Options{URL: url, APIKey: own, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func guardOf(t *testing.T, options Options) *Guard {
	t.Helper()
	options.APIKey = own
	options.PublicURL = "https://keys.example"
	guard, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guard.Close)
	return guard
}

// visited returns the response of an app behind middlewares to a request with a credential.
func visited(handler http.Handler, credential string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/orders?x", nil)
	request.Header.Set(headerAPIKey, credential)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func want[T comparable](t *testing.T, name string, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Errorf("%s is %v, want %v", name, found, wanted)
	}
}

const verdict = `{"valid": true, "code": "VALID", "key_id": "lk_0123456789ab", "label": "x", "owner": "shop",
	"scopes": ["a:b"], "metadata": {"team": 7}, "retry_after": null,
	"rate_limit": {"limit": 5, "per_seconds": 60, "remaining": 4, "next_token_seconds": 12, "reset_seconds": 12}`

const planLimit = `{"name": "tpm", "unit": "tokens", "mode": "enforce", "limit": 1000, "per_seconds": 60,
	"remaining": 400, "next_token_seconds": 1, "reset_seconds": 36}`
