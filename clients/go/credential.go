package latchkey

import (
	"hash/crc32"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	alphabet       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	checksumLength = 6
	secretPrefix   = "lks_"
	// Longer texts aren't a credential with a few characters too many.
	longestWithStray = 200
	notACredential   = "The credential does not have the form key_id:secret or key_id.secret."
	wrongChecksum    = "The secret's checksum is wrong: a character is mistyped or missing."
)

var (
	keyIDPattern      = regexp.MustCompile(`^lk_[0-9a-z]{12}$`)
	credentialPattern = regexp.MustCompile(`^(lk_[0-9a-z]{12})[:.](lks_([0-9A-Za-z]{43})([0-9A-Za-z]{6}))$`)
	plausibleToken    = regexp.MustCompile(`^[0-9A-Za-z._~+/=:-]{16,256}$`)
)

// Characters that files, shells and editors leave around a credential.
var strayPatterns = []struct {
	name    string
	pattern *regexp.Regexp
}{
	{"a byte order mark (BOM)", regexp.MustCompile(`\x{feff}`)},
	{"quotation marks", regexp.MustCompile("[\"'`\\x{2018}\\x{2019}\\x{201c}\\x{201d}\\x{ab}\\x{bb}]")},
	{"a line break", regexp.MustCompile(`[\r\n\v\f\x{85}\x{2028}\x{2029}]|\\[rn]`)},
	{"white space", regexp.MustCompile(`[\s\v\x{85}\x{200b}\x{2060}\pZ]`)},
}

// credential is a well-formed credential, or an imported token, whose keyID is empty. Printed in any way, it shows only
// the key ID: a function has no text.
type credential struct {
	keyID string
	// reveal returns the text key_id:secret, or the token. Use it only to send the credential.
	reveal func() string
}

// malformedCredential says what is wrong with a text that isn't a credential. It never repeats the text.
type malformedCredential string

func (m malformedCredential) Error() string { return string(m) }

// parseCredential returns the credential that text is. If stray characters are the only fault, the error says what to
// remove; otherwise it's the given one.
func parseCredential(text, otherwise string) (credential, error) {
	found := credentialPattern.FindStringSubmatch(text)
	if found == nil {
		if stray := strayCharacters(text); stray != "" {
			return credential{}, malformedCredential(stray)
		}
		return credential{}, malformedCredential(otherwise)
	}
	if checksum(found[3]) != found[4] {
		return credential{}, malformedCredential(wrongChecksum)
	}
	revealed := found[1] + ":" + found[2]
	return credential{keyID: found[1], reveal: func() string { return revealed }}, nil
}

// checksum returns the CRC-32 of a secret's 43 random characters as 6 base62 characters, most significant first.
func checksum(random string) string {
	var digits [checksumLength]byte
	number := crc32.ChecksumIEEE([]byte(random))
	for place := checksumLength - 1; place >= 0; place-- {
		digits[place] = alphabet[number%62]
		number /= 62
	}
	return string(digits[:])
}

// looksLikeCredential returns whether text has the shape of a credential, whatever its checksum.
func looksLikeCredential(text string) bool {
	return credentialPattern.MatchString(text)
}

// resemblesCredential returns whether someone meant text as a credential, even if it's mistyped or cut off.
func resemblesCredential(text string) bool {
	return strings.HasPrefix(text, "lk_") || strings.Contains(text, secretPrefix)
}

// isPlausibleToken returns whether text could be an imported token of some shape.
func isPlausibleToken(text string) bool {
	// With the prefix of a secret, it's far more likely to be a mistyped credential of our own.
	return plausibleToken.MatchString(text) && !strings.Contains(text, secretPrefix)
}

// sameForm returns text as key_id:secret if it has a credential's shape, so that both forms of one are equal.
func sameForm(text string) string {
	if found := credentialPattern.FindStringSubmatch(text); found != nil {
		return found[1] + ":" + found[2]
	}
	return text
}

// strayCharacters returns a sentence that names the characters without which text would be a credential, or "".
func strayCharacters(text string) string {
	if !strings.Contains(text, secretPrefix) || utf8.RuneCountInString(text) > longestWithStray {
		return ""
	}
	rest := asUTF8(text)
	var found []string
	for _, stray := range strayPatterns {
		without := stray.pattern.ReplaceAllString(rest, "")
		if without != rest {
			found = append(found, stray.name)
		}
		rest = without
	}
	if !looksLikeCredential(rest) {
		return ""
	}
	return "The credential has " + strings.Join(found, " and ") +
		" around or inside it. Use key_id:secret or key_id.secret alone."
}
