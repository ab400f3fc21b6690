package latchkey

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestOptionsOverrideTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"URL": "keys", "TIMEOUT": "soon", "FAIL_OPEN": "maybe", "TRUST_PROXY_IDENTITY": "true", "MAX_CONNECTIONS": "2",
	} {
		t.Setenv("LATCHKEY_"+name, value)
	}
	options := Options{URL: "http://keys.internal:8000/", APIKey: own, Timeout: 3 * time.Second, FailOpen: Off}
	guard, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	settings := guard.client.transport.connection
	want(t, "url", settings.url, "http://keys.internal:8000")
	want(t, "timeout", settings.timeout, 3*time.Second)
	want(t, "connections", settings.maxConnections, 2)
	want(t, "public URL", guard.policy.publicURL, "http://keys.internal:8000")
	want(t, "fail open", guard.policy.failOpen, false)
	want(t, "trust", guard.policy.trustProxyIdentity, true)
	for _, timeout := range []time.Duration{-1, time.Hour} {
		options.Timeout = timeout
		if _, err := New(options); err == nil || !strings.Contains(err.Error(), "from 0.001 to 60.") {
			t.Error(err)
		}
	}
}

func TestNothingShowsASecret(t *testing.T) {
	guard := guardOf(t, Options{URL: "http://keys.example"})
	parsed, err := parseCredential(caller, "")
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&shown, nil))
	options := Options{URL: "http://keys.example", APIKey: own}
	held := []any{
		guard, *guard, guard.client, *guard.client.transport, guard.client.transport.connection, parsed,
		options, &options, []Options{options},
	}
	for _, value := range held {
		fmt.Fprintf(&shown, "%v %+v %#v %s\n", value, value, value, value)
		logger.Info("shown", "value", value)
	}
	for _, secret := range []string{"lks_", "bGtf"} {
		if strings.Contains(shown.String(), secret) {
			t.Error(shown.String())
		}
	}
	if !strings.Contains(shown.String(), keyID) {
		t.Error("the key ID is not shown")
	}
}
