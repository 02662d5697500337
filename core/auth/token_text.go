package auth

import (
	"hash/crc32"
	"math/big"
	"strings"
)

// A token is "phk_", 43 characters that hold 256 random bits, and 6 characters that hold the CRC-32 of what stands before
// them; all are letters and digits. So a scanner for leaked secrets finds one without false alarms, and a word that was
// cut off or mistyped is refused without a look at the database. The checksum protects nothing.
const (
	tokenPrefix   = "phk_"
	tokenRandom   = 43
	tokenChecksum = 6
)

// newTokenText makes a token.
func newTokenText() string {
	body := tokenPrefix + base62(random(32), tokenRandom)
	return body + tokenSum(body)
}

// IsToken tells whether a text has the form of a token, checksum included.
func IsToken(text string) bool {
	if len(text) != len(tokenPrefix)+tokenRandom+tokenChecksum || !strings.HasPrefix(text, tokenPrefix) {
		return false
	}
	body := text[:len(text)-tokenChecksum]
	return tokenSum(body) == text[len(body):]
}

func tokenSum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return base62([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, tokenChecksum)
}

// base62 writes a number of bytes, the highest first, in digits, capitals and small letters, with zeros in front.
func base62(number []byte, width int) string {
	text := new(big.Int).SetBytes(number).Text(62)
	return strings.Repeat("0", width-len(text)) + text
}
