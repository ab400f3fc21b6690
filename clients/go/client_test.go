package latchkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestVerifyReturnsTheVerdict(t *testing.T) {
	url, bodies := serving(t, 200, verdict+`, "limits": [`+planLimit+`]}`)
	client, err := clientOf(t, url).WithRequestID("an.id")
	if err != nil {
		t.Fatal(err)
	}
	needs := Needs{Scopes: []string{"a:b"}, Costs: map[string]int64{"tokens": 600}}
	found, err := client.Verify(context.Background(), caller, needs)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "Valid", found.Valid, true)
	want(t, "KeyID", found.KeyID, keyID)
	want(t, "Owner", found.Owner, "shop")
	want(t, "Scopes", strings.Join(found.Scopes, " "), "a:b")
	want(t, "Metadata", found.Metadata["team"], any(7.0))
	want(t, "RateLimit", *found.RateLimit, RemainingLimit{5, 60, 4, 12, 12})
	want(t, "Remaining", *found.Limits[0].Remaining, 400)
	want(t, "RetryAfterSeconds", found.RetryAfterSeconds, nil)
	want(t, "RequestID", found.RequestID, "an.id")
	want(t, "body", (*bodies)[0], `{"credential":"`+caller+`","scopes":["a:b"],"costs":{"tokens":600},"cost":1}`)
}

func TestCostInRequestsCanBeNamedAsAUnit(t *testing.T) {
	url, bodies := serving(t, 200, verdict+"}")
	_, _ = clientOf(t, url).Verify(context.Background(), "x", Needs{Costs: map[string]int64{"requests": 3}})
	want(t, "body", (*bodies)[0], `{"credential":"x","scopes":[],"cost":3}`)
}

func TestARequestIDIsChecked(t *testing.T) {
	client := clientOf(t, "http://keys.example")
	for _, wrong := range []string{"", "two words", caller[len(keyID)+1:], strings.Repeat("a", 129)} {
		if _, err := client.WithRequestID(wrong); err == nil || strings.Contains(err.Error(), "lks_a") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestNoVerdictIsAnError(t *testing.T) {
	problem := `{"type": "https://keys.example/problems/%s", "detail": "Why lks_x."%s}`
	for _, each := range []struct {
		status   int
		response string
		kind     Kind
		message  string
	}{
		{200, `[]`, UnexpectedResponse, "The response has no verification."},
		{200, `null`, UnexpectedResponse, "The response has no verification."},
		{200, `{"valid": 1, "code": "VALID"}`, UnexpectedResponse, "has no valid that is true or false"},
		{200, `{"code": "VALID"}`, UnexpectedResponse, "has no valid that is true or false"},
		{200, `{"valid": true, "code": null}`, UnexpectedResponse, "has no code that is text"},
		{200, `{"valid": true, "code": "VALID", "scopes": "a:b"}`, UnexpectedResponse, "no scopes that is a list of text"},
		{200, `{"valid": true, "code": "VALID", "rate_limit": {}}`, UnexpectedResponse, "no limit that is a whole number"},
		{200, `{"valid": true, "code": "VALID", "limits": [{}]}`, UnexpectedResponse, "limit has no name that is text"},
		{200, `{`, UnexpectedResponse, "not valid JSON"},
		{200, strings.Repeat(" ", maxResponseBytes+1), UnexpectedResponse, "too large"},
		{201, verdict + "}", UnexpectedResponse, "a 201 that is not from Latchkey"},
		{403, fmt.Sprintf(problem, "insufficient-scope", ""), ReceivedProblem, "Why lks_[redacted]."},
		{422, fmt.Sprintf(problem, "x", `, "errors": [{}]`), UnexpectedResponse, "error has no code that is text"},
		{429, fmt.Sprintf(problem, quotaExceeded, ""), ReceivedProblem, "limit of the calling key is exceeded."},
		{429, fmt.Sprintf(problem, quotaExceeded, `, "violated-policies": ["address"]`), ReceivedProblem, "Why "},
	} {
		url, _ := serving(t, each.status, each.response)
		_, err := clientOf(t, url).Verify(context.Background(), "x", Needs{})
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != each.kind || !strings.Contains(err.Error(), each.message) {
			t.Errorf("%d %.60s: %v", each.status, each.response, err)
		}
	}
}

func TestAnotherServerIsNamed(t *testing.T) {
	for status, wanted := range map[int]string{
		200: "a 200 with text/html", 404: "a 404 with text/html", 502: "The proxy in front of Latchkey cannot reach it",
		302: "redirects to https://lks_[redacted].example. The key is not sent there",
	} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Location", "https://a:b@lks_x.example/?secret")
			w.WriteHeader(status)
		}))
		_, err := clientOf(t, server.URL).Verify(context.Background(), "x", Needs{})
		server.Close()
		if err == nil || !strings.Contains(err.Error(), wanted) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v", status, err)
		}
		want(t, "calls", calls, 1)
	}
}

func TestTraceOfARequest(t *testing.T) {
	requestID := newRequestID()
	want(t, "trace", strings.Split(traceparent(requestID), "-")[1], requestID)
	for _, other := range []string{"an.id", strings.Repeat("0", 32)} {
		parts := strings.Split(traceparent(other), "-")
		if len(parts[1]) != 32 || parts[1] == other || len(parts[2]) != 16 {
			t.Error(parts)
		}
	}
}
