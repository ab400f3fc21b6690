package latchkey

import (
	"encoding/base64"
	"regexp"
)

var (
	keySecretPattern = regexp.MustCompile(`lks_([0-9A-Za-z]{43})([0-9A-Za-z]{6})`)
	// A whole credential as HTTP Basic carries it, and a webhook's signing secret: 32 bytes as Base64.
	basicPattern         = regexp.MustCompile(`bGtf[0-9A-Za-z+/]{88}`)
	webhookSecretPattern = regexp.MustCompile(`whsec_[0-9A-Za-z+/]{43}`)
)

// containsSecret returns whether text holds a key's secret, a credential in HTTP Basic form, or a webhook's signing
// secret.
func containsSecret(text string) bool {
	for _, token := range basicPattern.FindAllString(text, -1) {
		decoded, err := base64.StdEncoding.DecodeString(token)
		if err == nil && containsKeySecret(string(decoded)) {
			return true
		}
	}
	return containsKeySecret(text) || webhookSecretPattern.MatchString(text)
}

func containsKeySecret(text string) bool {
	for _, found := range keySecretPattern.FindAllStringSubmatch(text, -1) {
		if checksum(found[1]) == found[2] {
			return true
		}
	}
	return false
}
