package latchkey

import "unicode/utf8"

// fromLatin1 returns the text of a header field whose bytes are Latin-1, as HTTP defines it.
func fromLatin1(field string) string {
	runes := make([]rune, len(field))
	for i := range len(field) {
		runes[i] = rune(field[i])
	}
	return string(runes)
}

// asUTF8 returns a text that was decoded as Latin-1 as UTF-8 if its bytes are: clients send either.
func asUTF8(text string) string {
	bytes := make([]byte, 0, len(text))
	for _, character := range text {
		if character > 0xff {
			return text
		}
		bytes = append(bytes, byte(character))
	}
	if !utf8.Valid(bytes) {
		return text
	}
	return string(bytes)
}
