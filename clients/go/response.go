package latchkey

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	problemType = "application/problem+json"
	jsonType    = "application/json"
	// Type that is registered with IANA: clients may already know it from other servers.
	quotaExceededType = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	quotaExceeded     = "quota-exceeded"
	throttledRemedy   = "Wait that long. If it happens often, give the calling key a higher limit: twice its calls per " +
		"second at the peak."
)

var retryAfterPattern = regexp.MustCompile(`^[0-9]{1,9}$`)

// responseJSON returns the JSON of a response, or the *Error that it stands for unless it's a success of Latchkey.
func responseJSON(response *received) ([]byte, error) {
	if response.status != http.StatusOK {
		return nil, responseError(response)
	}
	if mediaType := mediaTypeOf(response); mediaType != jsonType && mediaType != problemType {
		return nil, unexpectedResponse(foreignMessage(response), response.status)
	}
	if !json.Valid(response.body) {
		return nil, unexpectedResponse("The response is labeled as JSON, but is not valid JSON.", response.status)
	}
	// Many other servers respond with JSON.
	if response.header.Get(headerRequestID) == "" {
		return nil, unexpectedResponse("The response has no "+headerRequestID+".", response.status)
	}
	return response.body, nil
}

func responseError(response *received) error {
	mediaType := mediaTypeOf(response)
	switch {
	case response.status >= 300 && response.status < 400:
		return unexpectedResponse(redirectMessage(response), response.status)
	case mediaType == problemType:
		return readProblem(response)
	case mediaType == jsonType:
		message := fmt.Sprintf("The response is a %d that is not from Latchkey.", response.status)
		return unexpectedResponse(message, response.status)
	}
	message := foreignMessage(response)
	if slices.Contains([]int{502, 503, 504}, response.status) {
		message += " The proxy in front of Latchkey cannot reach it."
	}
	return unexpectedResponse(message, response.status)
}

// readProblem returns the problem in a response. One that can't be read is an error of another kind, with its status.
func readProblem(response *received) error {
	found := readDocument(response.body, "problem")
	slug := slugOf(found.text("type"))
	problem := &Error{
		Kind:              ReceivedProblem,
		Slug:              slug,
		Message:           redactTokens(found.text("detail")),
		Status:            response.status,
		RetryAfterSeconds: retryAfter(response),
	}
	for _, raw := range optional(found, "errors", found.rawList) {
		inner := readDocument(raw, "error")
		problem.Fields = append(problem.Fields, FieldError{inner.text("code"), redactTokens(inner.text("detail"))})
		found.adopt(inner)
	}
	policies := optional(found, "violated-policies", found.texts)
	if found.err != nil {
		found.err.Status = response.status
		return found.err
	}
	// A 429 for the client's address doesn't say that the calling key's limit is exceeded.
	if slug == quotaExceeded && !slices.Contains(policies, "address") {
		problem.Message, problem.Remedy = throttledMessage(problem.RetryAfterSeconds), throttledRemedy
	}
	return problem
}

func slugOf(typeURI string) string {
	if typeURI == quotaExceededType {
		return quotaExceeded
	}
	return typeURI[strings.LastIndex(typeURI, "/")+1:]
}

func throttledMessage(seconds int) string {
	if seconds == 0 {
		return "The rate limit of the calling key is exceeded."
	}
	return "The rate limit of the calling key is exceeded. Retry in " + inSeconds(int64(seconds)) + "."
}

func foreignMessage(response *received) string {
	mediaType := mediaTypeOf(response)
	if mediaType == "" {
		mediaType = "no media type"
	}
	return fmt.Sprintf("The response is a %d with %s.", response.status, mediaType)
}

func mediaTypeOf(response *received) string {
	mediaType, _, _ := strings.Cut(response.header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// retryAfter returns the seconds in Retry-After. Latchkey sends whole seconds; anything else was added by a proxy.
func retryAfter(response *received) int {
	text := response.header.Get(headerRetryAfter)
	if !retryAfterPattern.MatchString(text) {
		return 0
	}
	seconds, _ := strconv.Atoi(text)
	return seconds
}

func redirectMessage(response *received) string {
	target, err := response.url.Parse(response.header.Get("Location"))
	if err != nil || target.Host == "" || response.header.Get("Location") == "" {
		return fmt.Sprintf("The response is a %d.", response.status)
	}
	// Show only the origin: the path or the query may hold something private.
	origin := target.Scheme + "://" + target.Host
	return "The response redirects to " + origin + ". The key is not sent there automatically; use that URL."
}
