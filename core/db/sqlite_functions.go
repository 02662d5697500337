package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	modernc "modernc.org/sqlite"
)

// badPattern begins the message of a malformed pattern; SQLite carries the error of a function as text only.
const badPattern = "malformed regular expression"

// maxPatterns bounds the compiled patterns that are kept.
const maxPatterns = 256

// registerFunctions adds our functions to the driver, once per process: the driver has no way to add them per file.
var registerFunctions = sync.OnceValue(func() error {
	kept := &patterns{compiled: map[string]*regexp.Regexp{}}
	return errors.Join(
		modernc.RegisterDeterministicScalarFunction("packhouse_lower", 1, lower),
		modernc.RegisterDeterministicScalarFunction("packhouse_match", 2, kept.match("(?s)")),
		modernc.RegisterDeterministicScalarFunction("packhouse_imatch", 2, kept.match("(?is)")),
	)
})

func lower(_ *modernc.FunctionContext, args []driver.Value) (driver.Value, error) {
	text, ok := textOf(args[0])
	if !ok {
		return nil, nil
	}
	// A Caser has state and must not be shared.
	return cases.Lower(language.Und).String(text), nil
}

// textOf gives an argument as text, false for NULL.
func textOf(v driver.Value) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return fmt.Sprint(v), true
}

// patterns keeps compiled patterns: a query calls the function once per row.
type patterns struct {
	mu       sync.Mutex
	compiled map[string]*regexp.Regexp
}

func (p *patterns) match(flags string) func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) {
	return func(_ *modernc.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, ok := textOf(args[0])
		pattern, given := textOf(args[1])
		if !ok || !given {
			return nil, nil
		}
		re, err := p.compile(flags + pattern)
		if err != nil {
			return nil, err
		}
		return re.MatchString(text), nil
	}
}

func (p *patterns) compile(pattern string) (*regexp.Regexp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if re, ok := p.compiled[pattern]; ok {
		return re, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", badPattern, err)
	}
	if len(p.compiled) >= maxPatterns {
		clear(p.compiled)
	}
	p.compiled[pattern] = re
	return re, nil
}
