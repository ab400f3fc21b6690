package latchkey

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	minTimeoutSeconds     = 0.001
	maxTimeoutSeconds     = 60
	defaultTimeoutSeconds = 2
	maxConnections        = 10_000
	defaultConnections    = 32
)

// Switch turns something on or off. Its zero value leaves that to the environment.
type Switch int

// The values of a Switch.
const (
	FromEnvironment Switch = iota
	On
	Off
)

// Options are settings that are passed in code. They override those of the environment, and zero values don't.
type Options struct {
	// LATCHKEY_URL: Latchkey's address, as your app reaches it.
	URL string
	// LATCHKEY_API_KEY: the credential of your app's own key, with the scope verify.
	APIKey string
	// LATCHKEY_PUBLIC_URL: Latchkey's address for people, in the type of problems. The default is URL.
	PublicURL string
	// LATCHKEY_TIMEOUT: how long a verification may take, at most 60 seconds. The default is 2 seconds.
	Timeout time.Duration
	// LATCHKEY_MAX_CONNECTIONS: connections of the process to Latchkey. The default is 32.
	MaxConnections int
	// LATCHKEY_FAIL_OPEN: lets requests pass while Latchkey is down. Dangerous.
	FailOpen Switch
	// LATCHKEY_TRUST_PROXY_IDENTITY: trusts a proxy that has checked the request. Dangerous without one.
	TrustProxyIdentity Switch
	// LATCHKEY_IMPORTED_TOKENS: verifies tokens of another system too, whose keys you have imported.
	ImportedTokens Switch
	// Logger receives a line for each request without a verdict. The default is slog.Default().
	Logger *slog.Logger
}

// ConfigurationError is a setting that is missing or invalid. It names the setting, and never repeats its value.
type ConfigurationError struct{ message string }

func (e *ConfigurationError) Error() string { return e.message }

func configurationError(name, format string, values ...any) error {
	return &ConfigurationError{"LATCHKEY_" + name + " " + fmt.Sprintf(format, values...)}
}

// connection is where and how to call Latchkey.
type connection struct {
	url            string
	credential     credential
	timeout        time.Duration
	maxConnections int
}

// policySettings say how to decide about requests.
type policySettings struct {
	url                string
	publicURL          string
	failOpen           bool
	trustProxyIdentity bool
	importedTokens     bool
	logger             *slog.Logger
}

func readConnection(options Options) (connection, error) {
	url, err := readURL("URL", options.URL)
	if err != nil {
		return connection{}, err
	}
	own, err := readCredential(options.APIKey)
	if err != nil {
		return connection{}, err
	}
	seconds, err := readNumber(
		"TIMEOUT", options.Timeout.Seconds(), defaultTimeoutSeconds, minTimeoutSeconds, maxTimeoutSeconds)
	if err != nil {
		return connection{}, err
	}
	connections, err := readNumber(
		"MAX_CONNECTIONS", float64(options.MaxConnections), defaultConnections, 1, maxConnections)
	if err != nil {
		return connection{}, err
	}
	timeout := time.Duration(seconds * float64(time.Second))
	return connection{url, own, timeout, int(math.Round(connections))}, nil
}

func readPolicySettings(options Options, url string) (policySettings, error) {
	publicURL := url
	if options.PublicURL != "" || setting("PUBLIC_URL") != "" {
		var err error
		if publicURL, err = readURL("PUBLIC_URL", options.PublicURL); err != nil {
			return policySettings{}, err
		}
	}
	failOpen, err := readSwitch("FAIL_OPEN", options.FailOpen)
	if err != nil {
		return policySettings{}, err
	}
	trustProxyIdentity, err := readSwitch("TRUST_PROXY_IDENTITY", options.TrustProxyIdentity)
	if err != nil {
		return policySettings{}, err
	}
	importedTokens, err := readSwitch("IMPORTED_TOKENS", options.ImportedTokens)
	return policySettings{url, publicURL, failOpen, trustProxyIdentity, importedTokens, options.Logger}, err
}

// setting returns the value of a setting in the environment. An empty one counts as not set.
func setting(name string) string { return os.Getenv("LATCHKEY_" + name) }

func readURL(name, option string) (string, error) {
	text := option
	if text == "" {
		text = setting(name)
	}
	if text == "" {
		return "", configurationError(name, "is not set. Set it to the address of Latchkey.")
	}
	url, err := serverURL(text)
	if err != nil {
		return "", configurationError(name, "is invalid: %s.", err)
	}
	return url, nil
}

func readCredential(option string) (credential, error) {
	text := option
	if text == "" {
		text = setting("API_KEY")
	}
	if text == "" {
		return credential{}, configurationError("API_KEY",
			"is not set. Set it to the credential of this service's own key, which needs the scope verify.")
	}
	own, err := parseCredential(text, notACredential)
	if err != nil {
		return credential{}, configurationError("API_KEY", "is invalid: %s", err)
	}
	return own, nil
}

func readNumber(name string, option, otherwise, minimum, maximum float64) (float64, error) {
	number := otherwise
	if option != 0 {
		number = option
	} else if text := setting(name); text != "" {
		parsed, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			parsed = -1
		}
		number = parsed
	}
	// Also rejects NaN, which no comparison accepts.
	if !(minimum <= number && number <= maximum) {
		return 0, configurationError(name, "must be a number from %v to %v.", minimum, maximum)
	}
	return number, nil
}

func readSwitch(name string, option Switch) (bool, error) {
	if option != FromEnvironment {
		return option == On, nil
	}
	switch strings.ToLower(setting(name)) {
	case "true", "1":
		return true, nil
	case "", "false", "0":
		return false, nil
	}
	return false, configurationError(name, "must be true or false.")
}
