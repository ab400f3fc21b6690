package latchkey

import (
	"net/http"
	"strings"
	"testing"
)

func TestLimitsOfAPlanAreShown(t *testing.T) {
	url, _ := serving(t, 200, verdict+`, "limits": [`+planLimit+`]}`)
	response := visited(guardOf(t, Options{URL: url}).RequireKey(Needs{})(http.NotFoundHandler()), caller)
	for name, value := range map[string]string{
		headerRateLimitPolicy:     `"key";q=5;w=60, "tpm";q=1000;w=60;qu="tokens"`,
		headerRateLimit:           `"key";r=4;t=12, "tpm";r=400;t=1`,
		headerXRateLimitLimit:     "1000",
		headerXRateLimitRemaining: "400",
		headerXRateLimitReset:     "36",
	} {
		want(t, name, response.Header().Get(name), value)
	}
	want(t, "status of the app", response.Code, 404)
}

func TestALimitThatOnlyObservesIsNotTheTightest(t *testing.T) {
	observed := strings.Replace(planLimit, "enforce", "observe", 1)
	quota := `{"name": "once", "unit": "requests", "mode": "enforce", "limit": 10, "remaining": 8}`
	unclaimed := `{"name": "mb", "unit": "mb", "mode": "enforce", "limit": 10}`
	found, err := readVerification([]byte(verdict+`, "limits": [`+observed+","+quota+","+unclaimed+`]}`), "")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for _, field := range rateLimitFields(found) {
		fields[field.name] = field.value
	}
	want(t, "limit", fields[headerXRateLimitLimit], "10")
	want(t, "limits", fields[headerRateLimit], `"key";r=4;t=12, "tpm";r=400;t=1, "once";r=8`)
	if _, hasReset := fields[headerXRateLimitReset]; hasReset {
		t.Error("a quota that never starts again has a reset")
	}
}
