package content

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxRanges bounds the parts of one answer; a request for more gets the whole file.
const maxRanges = 256

// span is a part of a file, in bytes.
type span struct {
	start, length int64
}

// contentRange is the span as in the header of that name.
func (s span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.start, s.start+s.length-1, size)
}

// parseRange reads a Range header (RFC 9110 §14.2) against the size of a file. No spans and satisfiable means: answer
// with the whole file, because the header is malformed, asks for more parts than are sensible or covers everything
// more than once. Not satisfiable means that nothing it asks for exists.
func parseRange(header string, size int64) (spans []span, satisfiable bool) {
	unit, list, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil, true
	}
	asked, total := 0, int64(0)
	for item := range strings.SplitSeq(list, ",") {
		item = strings.Trim(item, " \t")
		if item == "" {
			continue // empty list elements are allowed, RFC 9110 §5.6.1
		}
		s, valid := parseSpan(item, size)
		asked++
		if !valid || asked > maxRanges {
			return nil, true
		}
		if s.length > 0 {
			spans = append(spans, s)
			total += s.length
		} else if size == 0 && strings.HasPrefix(item, "-") && s.start == 0 {
			return nil, true // a suffix of an empty file is the whole of it
		}
		if total > size {
			return nil, true
		}
	}
	return spans, asked == 0 || len(spans) > 0
}

// parseSpan reads "first-last", "first-" or "-suffix". A span of length 0 is valid and asks for nothing that exists; its
// start is -1, save for a suffix that is cut down by an empty file.
func parseSpan(text string, size int64) (span, bool) {
	first, last, ok := strings.Cut(text, "-")
	if !ok || (first == "" && last == "") {
		return span{}, false
	}
	nothing := span{start: -1}
	from, fromOK := position(first)
	to, toOK := position(last)
	switch {
	case !fromOK || !toOK:
		return span{}, false
	case first == "" && to == 0:
		return nothing, true
	case first == "":
		length := min(to, size)
		return span{start: size - length, length: length}, true
	case last != "" && to < from:
		return span{}, false
	case from >= size:
		return nothing, true
	case last == "":
		to = size - 1
	}
	return span{start: from, length: min(to, size-1) - from + 1}, true
}

// position reads a decimal number; one that is too large for a file counts as the largest.
func position(digits string) (int64, bool) {
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	if digits == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}
