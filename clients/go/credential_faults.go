package latchkey

import (
	"slices"
	"strings"
)

const (
	noCredential = "The request has no API key. Send it as X-API-Key: key_id:secret, Authorization: Bearer " +
		"key_id:secret, or curl -u key_id:secret."
	foreignField = "The request has no key_id:secret. If its Authorization is for the service behind Latchkey, send the " +
		"key as X-API-Key."
	mistyped = " has no valid key_id:secret: a character may be missing. Copy the whole credential again."
)

// Schemes of other libraries for API keys. A message names one of these, and never what was sent.
var otherSchemes = map[string]string{"api-key": "Api-Key", "apikey": "ApiKey", "key": "Key", "token": "Token"}

// missingDetail returns the detail for a request without a text that may be a credential.
func missingDetail(authorization string) string {
	for _, value := range fieldValues(authorization) {
		if fault := faultOfScheme(value); fault != "" {
			return headerAuthorization + " has " + fault + ". Send the key as Bearer, or as " + headerAPIKey + "."
		}
	}
	return noCredential
}

// malformedDetail returns the detail for a request whose fields hold these texts, none of which is a credential.
func malformedDetail(apiKey, authorization []string) string {
	switch {
	case slices.ContainsFunc(apiKey, hasScheme):
		return headerAPIKey + " has a scheme before the key. Send key_id:secret alone."
	case len(apiKey) > 0:
		return headerAPIKey + mistyped
	// Authorization may be for the service behind Latchkey, unless it begins like a credential of ours.
	case slices.ContainsFunc(authorization, resemblesCredential):
		return headerAuthorization + mistyped
	}
	return foreignField
}

// faultOfScheme returns what is wrong with the scheme of an Authorization value that has an API key, or "".
func faultOfScheme(value string) string {
	scheme, token := cutScheme(value)
	if token == "" && resemblesCredential(scheme) {
		return "no scheme"
	}
	if known := otherSchemes[strings.ToLower(scheme)]; known != "" && resemblesCredential(token) {
		return "the scheme " + known
	}
	return ""
}

func hasScheme(text string) bool {
	scheme, rest := cutScheme(text)
	return resemblesCredential(rest) && !resemblesCredential(scheme)
}
