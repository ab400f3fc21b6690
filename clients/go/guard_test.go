package latchkey

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAClientThatDisconnectsIsNoOutage(t *testing.T) {
	url, bodies := serving(t, 200, `{"valid": false, "code": "INVALID"}`)
	guard := guardOf(t, Options{URL: url, FailOpen: On})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	request := httptest.NewRequest(http.MethodPost, "/orders", nil).WithContext(gone)
	request.Header.Set(headerAPIKey, caller)
	recorder := httptest.NewRecorder()
	guard.RequireKey(Needs{})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request whose key is unknown has passed")
	})).ServeHTTP(recorder, request)
	want(t, "status", recorder.Code, 401)
	want(t, "calls", len(*bodies), 1)
}

func TestSeveralPlacesPayTheHighestCostInEachUnit(t *testing.T) {
	url, bodies := serving(t, 200, verdict+"}")
	guard := guardOf(t, Options{URL: url})
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, FromContext(r.Context()).KeyID)
	})
	tokens := func(count int64) map[string]int64 { return map[string]int64{"tokens": count} }
	inner := guard.RequireKey(Needs{Cost: 4, Costs: tokens(30)})(app)
	inner = guard.RequireKey(Needs{Scopes: []string{"a:b"}, Costs: tokens(20)})(inner)
	response := visited(guard.RequireKey(Needs{Cost: 4, Costs: tokens(10)})(inner), caller)
	want(t, "response", response.Body.String(), keyID)
	var paid []string
	for _, body := range *bodies {
		_, costs, _ := strings.Cut(body, `"costs":`)
		paid = append(paid, costs)
	}
	want(t, "costs", strings.Join(paid, " "), `{"tokens":10},"cost":4} {"tokens":10},"cost":1} {"tokens":10},"cost":1}`)
	*bodies = nil
	denied := visited(guard.RequireKey(Needs{})(guard.RequireKey(Needs{Scopes: []string{"x:y"}})(app)), caller)
	want(t, "calls", len(*bodies), 1)
	want(t, "status", denied.Code, 403)
	want(t, "rate limit", denied.Header().Get(headerRateLimit), `"key";r=4;t=12`)
}

func TestATokenForALaterVerificationIsPartOfTheCost(t *testing.T) {
	url, bodies := serving(t, 200, verdict+"}")
	guard := guardOf(t, Options{URL: url})
	last := guard.RequireKey(Needs{Cost: 2})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	later := guard.RequireKey(Needs{Costs: map[string]int64{"tokens": 1}})(last)
	want(t, "status", visited(guard.RequireKey(Needs{})(later), caller).Code, 200)
	want(t, "calls", len(*bodies), 2)
}

func TestADenialWaitsForRoomInEachUnit(t *testing.T) {
	observed := strings.Replace(planLimit, "enforce", "observe", 1)
	broken := strings.Replace(planLimit, `"limit": 1000`, `"limit": 0`, 1)
	whole := map[string]int64{unitRequests: 1, "tokens": 901}
	for limits, wait := range map[string]int64{"": 10, planLimit: 31, observed: 10, broken: 36} {
		found, err := readVerification([]byte(verdict+`, "limits": [`+limits+`]}`), "")
		if err != nil {
			t.Fatal(err)
		}
		seconds := int64(10)
		found.RetryAfterSeconds = &seconds
		want(t, "wait with "+limits, *found.wait(whole), wait)
	}
}

func TestAUnitThatWasPaidBeforeIsNotAskedAgain(t *testing.T) {
	url, bodies := serving(t, 200, verdict+"}")
	guard := guardOf(t, Options{URL: url})
	inner := guard.RequireKey(Needs{Cost: 2})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	visited(guard.RequireKey(Needs{Costs: map[string]int64{"tokens": 5}})(inner), caller)
	want(t, "names the unit", strings.Contains((*bodies)[1], "tokens"), false)
}

func TestACostAboveTheBucketIsWrittenForPeople(t *testing.T) {
	want(t, "detail", denyCost(1_000_000, 999).detail, "This request costs 1,000,000 tokens; the key's bucket holds 999. "+
		"Give the key a burst of at least 1,000,000.")
}

func TestADenialOfALaterPlaceHasNoLimitOfAnEarlierOne(t *testing.T) {
	url, _ := serving(t, 200, verdict+"}")
	earlier, later := guardOf(t, Options{URL: url}), guardOf(t, Options{URL: url})
	inner := later.RequireKey(Needs{})(nil)
	app := earlier.RequireKey(Needs{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del(headerAPIKey)
		inner.ServeHTTP(w, r)
	}))
	response := visited(app, caller)
	want(t, "status", response.Code, 401)
	want(t, "rate limit", response.Header().Get(headerRateLimit), "")
}

func TestDenialNamesTheLimits(t *testing.T) {
	for wait, detail := range map[string]string{
		"30":   "Limits exceeded: key, tpm. Retry in 30 seconds.",
		"null": "Limits exceeded: key, tpm. Waiting doesn't help: a quota that never starts again is used up.",
	} {
		url, _ := serving(t, 200, `{"valid": false, "code": "RATE_LIMITED", "retry_after": `+wait+
			`, "violated_policies": ["key", "tpm"], "limits": [`+planLimit+`]}`)
		response := visited(guardOf(t, Options{URL: url}).RequireKey(Needs{})(nil), caller)
		var problem map[string]any
		_ = json.Unmarshal(response.Body.Bytes(), &problem)
		want(t, "detail", problem["detail"], any(detail))
		want(t, "policies", fmt.Sprint(problem["violated-policies"]), "[key tpm]")
		want(t, "Retry-After", response.Header().Get(headerRetryAfter), strings.TrimPrefix(wait, "null"))
	}
}

func TestCostAboveALimitOfThePlan(t *testing.T) {
	detail := "This request costs more than the limit tpm of the key's plan ever allows."
	url, _ := serving(t, 422, `{"type": "http://x/problems/invalid-parameters", "detail": "x",
		"errors": [{"pointer": "/costs/tokens", "code": "above-limit", "detail": "`+detail+`"}]}`)
	response := visited(guardOf(t, Options{URL: url}).RequireKey(Needs{})(nil), caller)
	want(t, "status", response.Code, 403)
	if !strings.Contains(response.Body.String(), detail) {
		t.Error(response.Body)
	}
}

func TestLatchkeyHasTheLastWordAboutScopes(t *testing.T) {
	url, _ := serving(t, 200, `{"valid": false, "code": "INSUFFICIENT_SCOPE", "scopes": ["*"]}`)
	response := visited(guardOf(t, Options{URL: url}).RequireKey(Needs{Scopes: []string{"a:b"}})(nil), caller)
	want(t, "status", response.Code, 403)
	if !strings.Contains(response.Body.String(), "This call needs the scope a:b.") {
		t.Error(response.Body)
	}
}

func TestAPathIsTheOneThatWasSent(t *testing.T) {
	url, _ := serving(t, 200, `{"valid": false, "code": "INVALID"}`)
	app := http.StripPrefix("/api", guardOf(t, Options{URL: url}).RequireKey(Needs{})(nil))
	request := httptest.NewRequest(http.MethodGet, "http://host/api/%C3%A9/lks_x?query", nil)
	recorder := httptest.NewRecorder()
	app.ServeHTTP(recorder, request)
	if !strings.Contains(recorder.Body.String(), `"instance":"/api/é/lks_[redacted]"`) {
		t.Error(recorder.Body)
	}
}

func TestMistakesInNeedsAreFoundEarly(t *testing.T) {
	guard := guardOf(t, Options{URL: "http://keys.example"})
	for _, needs := range []Needs{
		{Cost: -1},
		{Scopes: []string{""}},
		{Costs: map[string]int64{"": 1}},
		{Costs: map[string]int64{"tokens": -1}},
		{Costs: map[string]int64{"requests": 0}},
		{Cost: 2, Costs: map[string]int64{"requests": 2}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v is no mistake", needs)
				}
			}()
			guard.RequireKey(needs)
		}()
	}
}
