package migrations

import (
	"cmp"
	"strconv"
	"strings"
)

// older tells whether version a is before b. Versions are numbers between dots; what follows a hyphen or is a word
// (1.0.0-rc1, 1.0.0rc1, 1.0.0.dev) makes it earlier than the same without. Words compare as text.
func older(a, b string) bool { return compare(a, b) < 0 }

func compare(a, b string) int {
	numbersA, wordA := parse(a)
	numbersB, wordB := parse(b)
	for i := range max(len(numbersA), len(numbersB)) {
		if c := cmp.Compare(at(numbersA, i), at(numbersB, i)); c != 0 {
			return c
		}
	}
	if (wordA == "") != (wordB == "") {
		return cmp.Compare(len(wordB), len(wordA))
	}
	return cmp.Compare(wordA, wordB)
}

// parse cuts a version into its numbers and the rest. Build data behind a plus sign does not order.
func parse(version string) (numbers []int, word string) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "+")
	for version != "" {
		digits := version
		if end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = version[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		numbers = append(numbers, n)
		version = version[len(digits):]
		if !strings.HasPrefix(version, ".") {
			break
		}
		version = version[1:]
	}
	return numbers, version
}

// at gives a number, 0 beyond the end: 1.2 is 1.2.0.
func at(numbers []int, i int) int {
	if i < len(numbers) {
		return numbers[i]
	}
	return 0
}
