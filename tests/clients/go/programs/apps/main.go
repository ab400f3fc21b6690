// Serves apps, and calls functions of the package, as the lines of standard input say. Answers each with a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"latchkey.example/latchkey"
)

type command struct {
	Start       string
	Options     options
	Environment map[string]string
	Stop        int
	Log         int
	Call        string
	Given       []json.RawMessage
}

// options are the settings by their names in Python.
type options struct {
	URL                string  `json:"url"`
	APIKey             string  `json:"api_key"`
	PublicURL          string  `json:"public_url"`
	Timeout            float64 `json:"timeout"`
	MaxConnections     int     `json:"max_connections"`
	FailOpen           *bool   `json:"fail_open"`
	TrustProxyIdentity *bool   `json:"trust_proxy_identity"`
	ImportedTokens     *bool   `json:"imported_tokens"`
}

type app struct {
	server *httptest.Server
	guard  *latchkey.Guard
	log    *log
}

var apps = map[int]app{}

func main() {
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for line, err := lines.ReadBytes('\n'); err == nil; line, err = lines.ReadBytes('\n') {
		var wanted command
		answer, failure := any(nil), json.Unmarshal(line, &wanted)
		if failure == nil {
			answer, failure = run(wanted)
		}
		if failure != nil {
			_, name, _ := strings.Cut(fmt.Sprintf("%T", failure), ".")
			answer = map[string]string{"error": name, "message": failure.Error()}
		}
		_ = answers.Encode(answer)
	}
}

func run(wanted command) (any, error) {
	for _, each := range os.Environ() {
		if name, _, _ := strings.Cut(each, "="); strings.HasPrefix(name, "LATCHKEY_") {
			os.Unsetenv(name)
		}
	}
	for name, value := range wanted.Environment {
		os.Setenv(name, value)
	}
	switch {
	case wanted.Start != "":
		return start(wanted.Options)
	case wanted.Log != 0:
		return map[string]any{"lines": apps[wanted.Log].log.take()}, nil
	case wanted.Stop != 0:
		apps[wanted.Stop].server.Close()
		apps[wanted.Stop].guard.Close()
		return map[string]any{}, nil
	}
	value, err := latchkey.Functions[wanted.Call](wanted.Given)
	return map[string]any{"value": value}, err
}

func start(given options) (any, error) {
	lines := &log{}
	guard, err := latchkey.New(latchkey.Options{
		URL: given.URL, APIKey: given.APIKey, PublicURL: given.PublicURL,
		Timeout:        time.Duration(given.Timeout * float64(time.Second)),
		MaxConnections: given.MaxConnections,
		FailOpen:       switchOf(given.FailOpen), TrustProxyIdentity: switchOf(given.TrustProxyIdentity),
		ImportedTokens: switchOf(given.ImportedTokens),
		Logger:         lines.logger(),
	})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(service(guard))
	address, err := url.Parse(server.URL)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(address.Port())
	apps[port] = app{server, guard, lines}
	return map[string]int{"port": port}, err
}

func switchOf(given *bool) latchkey.Switch {
	switch {
	case given == nil:
		return latchkey.FromEnvironment
	case *given:
		return latchkey.On
	}
	return latchkey.Off
}

// service is what tests/latchkey/integrations/apps.py does in Python.
func service(guard *latchkey.Guard) http.Handler {
	mux := http.NewServeMux()
	caller := http.HandlerFunc(sendCaller)
	aB := []string{"a:b"}
	mux.Handle("/orders", guard.RequireKey(latchkey.Needs{Scopes: []string{"orders:read"}})(caller))
	mux.Handle("/exports", guard.RequireKey(latchkey.Needs{Cost: 5})(caller))
	mux.Handle("/gone", guard.RequireKey(latchkey.Needs{})(http.NotFoundHandler()))
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	nested := http.NewServeMux()
	nested.Handle("/cheap", guard.RequireKey(latchkey.Needs{Scopes: aB})(caller))
	nested.Handle("/costly", guard.RequireKey(latchkey.Needs{Scopes: aB, Cost: 7})(caller))
	mux.Handle("/nested/", guard.RequireKey(latchkey.Needs{Cost: 2})(http.StripPrefix("/nested", nested)))
	return mux
}
