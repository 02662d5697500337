package resource

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/packhouse/packhouse/core/errs"
)

// maxComplexity bounds an expression: a leaf costs 1, NOT one more than its operand, a chain of AND or OR one more than
// the sum of its operands.
const maxComplexity = 8

// expression reads the filter q: terms key=value joined by OR, AND and NOT with parentheses. leaf makes the condition
// of one term. A term that is unknown to SQL (NULL) does not match, also under NOT.
func expression(text string, leaf func(key, value string) (Cond, error)) (Cond, error) {
	p := &exprParser{rest: text, leaf: leaf}
	cond, cost, err := p.chain("OR", func() (Cond, int, error) { return p.chain("AND", p.not) })
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = wrong("Syntax error in expression at %q.", p.rest)
	}
	if err == nil && cost > maxComplexity {
		err = wrong("Filter expression exceeds allowed complexity.")
	}
	if err != nil {
		return Cond{}, asQ(err)
	}
	return cond, nil
}

func asQ(err error) error {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Kind != errs.Invalid {
		return err
	}
	if len(e.Fields) > 0 {
		text, _ := json.Marshal(e.Fields) // maps of strings always marshal
		return errs.Field("q", "%s", text)
	}
	return errs.Field("q", "%s", e.Msg)
}

type exprParser struct {
	rest  string
	depth int
	leaf  func(key, value string) (Cond, error)
}

func (p *exprParser) chain(word string, next func() (Cond, int, error)) (Cond, int, error) {
	first, cost, err := next()
	if err != nil || !p.keyword(word) {
		return first, cost, err
	}
	parts, args := []string{"(" + first.SQL + ")"}, first.Args
	for {
		c, more, err := next()
		if err != nil {
			return Cond{}, 0, err
		}
		parts, args, cost = append(parts, "("+c.SQL+")"), append(args[:len(args):len(args)], c.Args...), cost+more
		if !p.keyword(word) {
			return Cond{SQL: strings.Join(parts, " "+word+" "), Args: args}, cost + 1, nil
		}
	}
}

func (p *exprParser) not() (Cond, int, error) {
	if !p.keyword("NOT") {
		return p.atom()
	}
	if p.depth++; p.depth > maxComplexity {
		return Cond{}, 0, wrong("Filter expression exceeds allowed complexity.")
	}
	c, cost, err := p.not()
	p.depth--
	return Cond{SQL: "NOT COALESCE((" + c.SQL + "), FALSE)", Args: c.Args}, cost + 1, err
}

func (p *exprParser) atom() (Cond, int, error) {
	p.blank()
	if strings.HasPrefix(p.rest, "(") {
		p.rest = p.rest[1:]
		if p.depth++; p.depth > 4*maxComplexity {
			return Cond{}, 0, wrong("Filter expression exceeds allowed complexity.")
		}
		c, cost, err := p.chain("OR", func() (Cond, int, error) { return p.chain("AND", p.not) })
		p.depth--
		if err != nil {
			return Cond{}, 0, err
		}
		p.blank()
		if !strings.HasPrefix(p.rest, ")") {
			return Cond{}, 0, wrong("Syntax error in expression: a closing parenthesis is missing at %q.", p.rest)
		}
		p.rest = p.rest[1:]
		return c, cost, nil
	}
	key := p.take(func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
	})
	p.blank()
	if key == "" || !unicode.IsLetter(rune(key[0])) || !strings.HasPrefix(p.rest, "=") {
		return Cond{}, 0, wrong("Syntax error in expression: expected key=value at %q.", p.rest)
	}
	p.rest = p.rest[1:]
	value, err := p.value()
	if err != nil {
		return Cond{}, 0, err
	}
	c, err := p.leaf(key, value)
	return c, 1, err
}

func (p *exprParser) value() (string, error) {
	p.blank()
	if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		quote := p.rest[:1]
		value, rest, closed := strings.Cut(p.rest[1:], quote)
		if !closed {
			return "", wrong("Syntax error in expression: the quote %s is not closed.", quote)
		}
		p.rest = rest
		return value, nil
	}
	word := p.take(func(r rune) bool {
		return unicode.IsDigit(r) && r < utf8.RuneSelf || unicode.IsLetter(r) && r <= unicode.MaxLatin1 || strings.ContainsRune(".,_-*", r)
	})
	if word == "" {
		return "", wrong("Syntax error in expression: expected a value at %q.", p.rest)
	}
	return word, nil
}

func (p *exprParser) blank() { p.rest = strings.TrimLeft(p.rest, " \t\n\r") }

func (p *exprParser) take(part func(rune) bool) string {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !part(r) })
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// keyword takes an upper-case word that is not the beginning of a longer one.
func (p *exprParser) keyword(word string) bool {
	p.blank()
	after, ok := strings.CutPrefix(p.rest, word)
	if !ok || after != "" && !strings.ContainsAny(after[:1], " \t\n\r(") {
		return false
	}
	p.rest = after
	return true
}
