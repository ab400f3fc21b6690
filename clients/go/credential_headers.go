package latchkey

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
)

// The parameters of a Digest or OAuth field are separated by commas, so they count as values too.
const maxFieldValues = 64

const twoCredentials = "The request has two different credentials."

// credentialFromHeaders returns the one credential of a request, or the denial for what it has.
//
// The fields are Latin-1 texts. If only one of them holds a text of a credential's shape, the other one is ignored. A
// field that was sent twice is expected to be joined by commas, as HTTP allows. Without a credential, and with
// importedTokens, a text that could be an imported token is one, in Authorization with any scheme but Basic.
func credentialFromHeaders(apiKey, authorization string, importedTokens bool) (credential, *denial) {
	found, denied := ownCredential(apiKey, authorization)
	if denied == nil || denied.slug == "ambiguous-credential" || !importedTokens {
		return found, denied
	}
	switch tokens := possibleTokens(apiKey, authorization); len(tokens) {
	case 0:
		return found, denied
	case 1:
		return credential{reveal: func() string { return tokens[0] }}, nil
	}
	return credential{}, &denial{slug: "ambiguous-credential", detail: twoCredentials}
}

// ownCredential returns the one credential of Latchkey itself that a request has, or the denial for what it has.
func ownCredential(apiKey, authorization string) (credential, *denial) {
	own, other := fromAPIKey(apiKey), fromAuthorization(authorization)
	texts, fault := withoutForeignField(own, other), malformedDetail(own, other)
	switch {
	case len(texts) == 0:
		return credential{}, &denial{slug: "missing-credential", detail: missingDetail(authorization)}
	case len(texts) == 1:
		found, err := parseCredential(texts[0], fault)
		if err != nil {
			return credential{}, &denial{slug: "malformed-credential", detail: err.Error()}
		}
		return found, nil
	case slices.ContainsFunc(texts, looksLikeCredential):
		return credential{}, &denial{slug: "ambiguous-credential", detail: twoCredentials}
	}
	for _, text := range texts {
		if stray := strayCharacters(text); stray != "" {
			fault = stray
			break
		}
	}
	return credential{}, &denial{slug: "malformed-credential", detail: fault}
}

// possibleTokens returns the different texts in the fields that could be imported tokens.
func possibleTokens(apiKey, authorization string) []string {
	var texts []string
	for _, value := range fieldValues(apiKey) {
		texts = append(texts, strings.TrimSpace(value))
	}
	for _, value := range fieldValues(authorization) {
		if scheme, token := cutScheme(value); !strings.EqualFold(scheme, "basic") {
			texts = append(texts, token)
		}
	}
	texts = slices.DeleteFunc(texts, func(text string) bool { return !isPlausibleToken(text) })
	slices.Sort(texts)
	return slices.Compact(texts)
}

// cutScheme returns the scheme of a field's value, and what follows it.
func cutScheme(value string) (scheme, token string) {
	scheme, token, _ = strings.Cut(strings.TrimSpace(value), " ")
	return scheme, strings.TrimSpace(token)
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
		scheme, token := cutScheme(value)
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
