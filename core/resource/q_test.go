package resource

import (
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

// leaf stands for a filter that every list has.
func leaf(key, value string) (Cond, error) {
	if key == "bad" {
		return Cond{}, errs.Field(key, "is bad")
	}
	return Cond{SQL: key + " = ?", Args: []any{value}}, nil
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a=1`:                  `a = ? [1]`,
		` a = "x y" `:          `a = ? [x y]`,
		`a='x"y'`:              `a = ? [x"y]`,
		`a=1 OR b=2 AND c=3`:   `(a = ?) OR ((b = ?) AND (c = ?)) [1 2 3]`,
		`(a=1 OR b=2) AND c=3`: `((a = ?) OR (b = ?)) AND (c = ?) [1 2 3]`,
		`NOT a=1 AND b=2`:      `(NOT COALESCE((a = ?), FALSE)) AND (b = ?) [1 2]`,
		`NOT NOT a=1`:          `NOT COALESCE((NOT COALESCE((a = ?), FALSE)), FALSE) [1]`,
		`NOT(a=1)`:             `NOT COALESCE((a = ?), FALSE) [1]`,
		`a=ä,b.c_d-*`:          `a = ? [ä,b.c_d-*]`,
		`a=ORDER`:              `a = ? [ORDER]`,
		`a=""`:                 `a = ? []`,
		`a=1 or b=2`:           "fault", `a`: "fault", `a=`: "fault", `=1`: "fault", `(a=1`: "fault", `a=1)`: "fault", `a="1`: "fault", `1a=1`: "fault", `a=1 b=2`: "fault",
		`a=1 AND`: "fault", `OR a=1`: "fault", `NOT`: "fault", `bad=1`: "fault", ``: "fault", `a=/x`: "fault", `a=ж`: "fault",
		chain("a=1", " AND ", 7):                                  strings.TrimSuffix(strings.Repeat("(a = ?) AND ", 7), " AND ") + " [1 1 1 1 1 1 1]",
		chain("a=1", " AND ", 8):                                  "fault",
		strings.Repeat("NOT ", 8) + "a=1":                         "fault",
		strings.Repeat("(", 33) + "a=1" + strings.Repeat(")", 33): "fault",
	} {
		cond, err := expression(text, leaf)
		got := "fault"
		if err == nil {
			got = cond.SQL + " " + list(cond.Args)
		} else if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
		if got != want {
			t.Errorf("%s becomes %s, want %s (%v)", text, got, want, err)
		}
	}
}

func chain(term, word string, n int) string {
	return strings.Join(slices.Repeat([]string{term}, n), word)
}

func list(args []any) string {
	texts := make([]string, 0, len(args))
	for _, a := range args {
		texts = append(texts, a.(string))
	}
	return "[" + strings.Join(texts, " ") + "]"
}

// FuzzExpression: whatever is asked, no value gets into the SQL.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{`a=1`, `a='x' OR NOT (b="y" AND c=z)`, `((((`, "a=\"\x00\"", "NOT NOT", "é=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cond, err := expression(text, func(key, value string) (Cond, error) {
			if strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
				t.Fatalf("%q is no key", key)
			}
			return Cond{SQL: "column = ?", Args: []any{value}}, nil
		})
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		onlyMarks(t, cond, "column = ", "COALESCE", "FALSE", "NOT", "AND", "OR")
	})
}

// onlyMarks fails unless the SQL is made of the words, signs and one mark for each argument.
func onlyMarks(t *testing.T, c Cond, words ...string) {
	t.Helper()
	if strings.Count(c.SQL, "?") != len(c.Args) {
		t.Fatalf("%s has %d arguments", c.SQL, len(c.Args))
	}
	rest := c.SQL
	for _, word := range words {
		rest = strings.ReplaceAll(rest, word, "")
	}
	if rest = strings.Trim(rest, "(), ?"); rest != "" {
		t.Fatalf("%q is left in %s", rest, c.SQL)
	}
}

func TestLabelSelectors(t *testing.T) {
	t.Parallel()
	f := &Filtering{Dialect: db.Postgres}
	for text, want := range map[string]string{
		"a":          "[a]",
		"!a":         "[a]",
		"a=b":        "[a b]",
		"a=":         "[a ]",
		"a!=b":       "[a b]",
		"a~b%_":      `[a %b\%\_%]`,
		"a=b,!c,d e": "[a b c d e]",
		`a=b\,c,d`:   "[a b,c d]",
		"a==b":       "[a =b]",
		"a=b=c":      "[a b=c]",
		"!a=b":       "fault",
		"a,":         "fault",
		"":           "fault",
		"a/b":        "fault",
		"=b":         "fault",
		`a\b`:        "fault",
	} {
		cond, err := LabelSelect("d.labels").Cond(f, text)
		got := "fault"
		if err == nil {
			got = list(cond.Args)
		}
		if got != want {
			t.Errorf("%q selects %s, want %s (%v)", text, got, want, err)
		}
	}
}

// FuzzLabelSelect: whatever is asked, no value gets into the SQL.
func FuzzLabelSelect(f *testing.F) {
	for _, text := range []string{"a", "!a", "a=b", `a=b\,c`, "a~(", "a!=b,c", `\`, ","} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, dialect := range []db.Dialect{db.Postgres, db.SQLite} {
			cond, err := LabelSelect("d.labels").Cond(&Filtering{Dialect: dialect}, text)
			if err == nil && strings.Count(cond.SQL, "?") != len(cond.Args) {
				t.Fatalf("%q becomes %s with %d arguments", text, cond.SQL, len(cond.Args))
			}
			if err != nil && !errs.Is(err, errs.Invalid) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
