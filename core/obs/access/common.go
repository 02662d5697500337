package access

import (
	"strconv"
	"strings"
)

// stamp is the time of a request as web servers write it.
const stamp = "02/Jan/2006:15:04:05 -0700"

// nothing stands for what is not known.
const nothing = '-'

// common appends the line in the Common Log Format, or in the combined one. Whatever a client says, it is one line with the
// fields that it has.
func (l *Line) common(b []byte, combined bool) []byte {
	if l.Client.IsValid() {
		b = l.Client.WithZone("").AppendTo(b)
	} else {
		b = append(b, nothing)
	}
	b = append(b, " - "...) // nobody asks the client's host who its user is
	b = word(b, l.User)
	b = append(b, " ["...)
	b = l.Began.AppendFormat(b, stamp)
	b = append(b, `] "`...)
	b = word(b, l.Method)
	b = append(b, ' ')
	b = word(b, l.Path)
	b = append(b, ' ')
	b = word(b, l.Protocol)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(l.Status), 10)
	b = append(b, ' ')
	if l.Bytes > 0 {
		b = strconv.AppendInt(b, l.Bytes, 10)
	} else {
		b = append(b, nothing)
	}
	if combined {
		b = append(b, ` "`...)
		b = words(b, bare(l.Referer))
		b = append(b, `" "`...)
		b = words(b, l.Agent)
		b = append(b, '"')
	}
	return append(b, '\n')
}

// bare is an address without what may be a secret: the query, which in signed addresses lets their holder in, and a user
// with a password. Of what is no address nothing is left.
func bare(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || strings.ContainsAny(scheme, `@/\?#`) {
		return ""
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	host := rest
	if i := strings.IndexAny(rest, `/\`); i >= 0 {
		host = rest[:i]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		return scheme + "://" + rest[i+1:]
	}
	return address[:len(scheme)+len("://")+len(rest)]
}

// word appends a text as one word without quotes.
func word(b []byte, text string) []byte { return escaped(b, text, ' ') }

// words appends a text that stands in quotes.
func words(b []byte, text string) []byte { return escaped(b, text, ' '-1) }

// escaped appends a text in which everything up to a byte, and everything else that could be taken for something that it is
// not, is written as \x and two digits.
func escaped(b []byte, text string, upTo byte) []byte {
	if text == "" {
		return append(b, nothing)
	}
	from := 0
	for i := range len(text) {
		if c := text[i]; c > upTo && c != '"' && c != '\\' && c < 0x7f {
			continue
		}
		b = append(b, text[from:i]...)
		const digits = "0123456789abcdef"
		b = append(b, '\\', 'x', digits[text[i]>>4], digits[text[i]&15])
		from = i + 1
	}
	return append(b, text[from:]...)
}
