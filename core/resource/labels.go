package resource

import (
	"regexp"
	"strings"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
)

var labelKey = regexp.MustCompile(`^[\p{L}\p{N}_ .\-]+$`)

func checkLabelKey(key string) error {
	if !labelKey.MatchString(key) {
		return wrong("The label key %q may hold only letters, digits, blanks and . _ -", key)
	}
	return nil
}

func checkLabelValue(value string) error {
	if strings.ContainsAny(value, "()\x00") {
		return wrong("A label's value may not hold parentheses.")
	}
	return nil
}

// LabelSelect is the filter pulp_label_select over a column of labels: a comma list of terms that must all hold.
// A term is key, !key, key=value, key!=value (has the key and another value) or key~value (contains, in any case);
// `\,` is a comma that does not separate.
func LabelSelect(column string) Filter {
	return Filter{Name: "pulp_label_select", Schema: stringSchema(), Cond: func(f *Filtering, value string) (Cond, error) {
		conds := make([]Cond, 0, 4)
		for _, term := range splitTerms(value) {
			c, err := labelTerm(f, column, term)
			if err != nil {
				return Cond{}, err
			}
			conds = append(conds, c)
		}
		return all(conds), nil
	}}
}

func splitTerms(value string) []string {
	var terms []string
	var term strings.Builder
	for i := 0; i < len(value); i++ {
		switch {
		case value[i] == '\\' && i+1 < len(value) && value[i+1] == ',':
			term.WriteByte(',')
			i++
		case value[i] == ',':
			terms = append(terms, term.String())
			term.Reset()
		default:
			term.WriteByte(value[i])
		}
	}
	return append(terms, term.String())
}

var labelTermPattern = regexp.MustCompile(`^(!?)([\p{L}\p{N}_ .\-]+?)(?:(!=|=|~)(.*))?$`)

func labelTerm(f *Filtering, column, term string) (Cond, error) {
	parts := labelTermPattern.FindStringSubmatch(strings.TrimSpace(term))
	if parts == nil || parts[1] == "!" && parts[3] != "" {
		return Cond{}, errs.Field("pulp_label_select", "%q is no term; write key, !key, key=value, key!=value or key~value", term)
	}
	has, text := f.Dialect.JSONHas(column, "?"), f.Dialect.JSONText(column, "?")
	key := parts[2]
	switch {
	case parts[1] == "!":
		return Cond{SQL: "NOT " + has, Args: []any{key}}, nil
	case parts[3] == "=":
		return Cond{SQL: text + " = ?", Args: []any{key, parts[4]}}, nil
	case parts[3] == "!=":
		return Cond{SQL: text + " <> ?", Args: []any{key, parts[4]}}, nil
	case parts[3] == "~":
		return Cond{SQL: f.Dialect.Like(text, true), Args: []any{key, "%" + db.EscapeLike(parts[4]) + "%"}}, nil
	}
	return Cond{SQL: has, Args: []any{key}}, nil
}
