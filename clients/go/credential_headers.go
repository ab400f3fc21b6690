package latchkey

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
)

// The parameters of a Digest or OAuth field are separated by commas, so they count as values too.
const maxFieldValues = 64

const (
	noCredential = "The request has no API key. Send it as X-API-Key: key_id:secret, Authorization: Bearer " +
		"key_id:secret, or curl -u key_id:secret."
	foreignField = "The request has no key_id:secret. If its Authorization is for the service behind Latchkey, send the " +
		"key as X-API-Key."
	twoCredentials = "The request has two different credentials."
)

// credentialFromHeaders returns the one credential of a request, or the denial for what it has.
//
// The fields are Latin-1 texts. If only one of them holds a text of a credential's shape, the other one is ignored. A
// field that was sent twice is expected to be joined by commas, as HTTP allows.
func credentialFromHeaders(apiKey, authorization string) (credential, *denial) {
	texts := withoutForeignField(fromAPIKey(apiKey), fromAuthorization(authorization))
	switch {
	case len(texts) == 0:
		return credential{}, &denial{slug: "missing-credential", detail: noCredential}
	case len(texts) == 1:
		found, err := parseCredential(texts[0], foreignField)
		if err != nil {
			return credential{}, &denial{slug: "malformed-credential", detail: err.Error()}
		}
		return found, nil
	case slices.ContainsFunc(texts, looksLikeCredential):
		return credential{}, &denial{slug: "ambiguous-credential", detail: twoCredentials}
	}
	for _, text := range texts {
		if stray := strayCharacters(text); stray != "" {
			return credential{}, &denial{slug: "malformed-credential", detail: stray}
		}
	}
	return credential{}, &denial{slug: "malformed-credential", detail: foreignField}
}

// fieldValues returns the comma-separated values of a field. One with too many is replaced by a value that isn't a
// credential.
func fieldValues(field string) []string {
	// Anyone can send kilobytes of commas, so don't look at each value. No client sends that many.
	values := strings.SplitN(field, ",", maxFieldValues+1)
	if len(values) > maxFieldValues {
		return []string{"Bearer"}
	}
	return values
}

// fromAPIKey returns the texts in an X-API-Key field that may be credentials. Empty values are skipped.
func fromAPIKey(field string) []string {
	var texts []string
	for _, value := range fieldValues(field) {
		if text := strings.TrimSpace(value); text != "" {
			texts = append(texts, sameForm(text))
		}
	}
	return texts
}

// fromAuthorization returns the texts in an Authorization field that may be credentials. Schemes other than Bearer and
// Basic are skipped.
func fromAuthorization(field string) []string {
	var texts []string
	for _, value := range fieldValues(field) {
		scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
		token = strings.TrimSpace(token)
		switch strings.ToLower(scheme) {
		case "bearer":
			texts = append(texts, sameForm(token))
		case "basic":
			texts = append(texts, sameForm(decodeBasic(token)))
		}
	}
	return texts
}

// decodeBasic returns what an HTTP Basic token holds: the user name alone if there is no password, which is the
// one-token form, as in `curl -u key_id.secret:`.
//
// A token that can't be decoded is "", because it's a malformed credential and not a missing one.
func decodeBasic(token string) string {
	decoded, err := base64.StdEncoding.DecodeString(token)
	isASCII := !slices.ContainsFunc(decoded, func(each byte) bool { return each > unicode.MaxASCII })
	if err != nil || !isASCII {
		return ""
	}
	user, password, _ := strings.Cut(string(decoded), ":")
	if password == "" {
		return user
	}
	return string(decoded)
}

// withoutForeignField returns the different texts of both fields, without those of a field that has no credential if
// the other one has one. They are sorted: the same request gets the same message each time.
func withoutForeignField(one, other []string) []string {
	oneHas, otherHas := slices.ContainsFunc(one, looksLikeCredential), slices.ContainsFunc(other, looksLikeCredential)
	switch {
	case oneHas && !otherHas:
		other = nil
	case otherHas && !oneHas:
		one = nil
	}
	texts := slices.Concat(one, other)
	slices.Sort(texts)
	return slices.Compact(texts)
}
