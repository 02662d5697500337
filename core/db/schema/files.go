package schema

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// FromFS reads the files NNNN_name.sql of a folder, in the order of their names; the name without .sql is the id. A
// file begins with comment lines, each of which may be an order to the runner:
//
//	-- depends: core 0001_init      after that migration of that app; may be given several times
//	-- phase: contract              expand, data or contract
//	-- no-tx                        outside a transaction on PostgreSQL
//	-- rebuild                      replaces a table on SQLite
//	-- min-online: core 0.2.0       held back while an older process is online; may be given several times
//
// A line "-- down" begins the part that undoes the migration. The orders are no part of the checksum.
func FromFS(fsys fs.FS) ([]Migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	all := make([]Migration, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read the migration %s: %w", name, err)
		}
		m, err := parseFile(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func parseFile(name, text string) (Migration, error) {
	id := strings.TrimSuffix(path.Base(name), ".sql")
	if !regexp.MustCompile(`^\d{4}_[a-z0-9_]+$`).MatchString(id) {
		return Migration{}, errs.New(errs.Invalid, "the migration %s must be named like 0001_init.sql", name)
	}
	m := Migration{ID: id, Phase: Expand}
	// A checkout on Windows may change the line ends, and that is no edit.
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	lines, err := header(&m, lines)
	if err != nil {
		return Migration{}, errs.New(errs.Invalid, "the head of the migration %s: %w", name, err)
	}
	up := lines
	for i, line := range lines {
		if strings.TrimSpace(line) == "-- down" {
			up, m.Down = lines[:i], strings.TrimSpace(strings.Join(lines[i+1:], "\n"))
			break
		}
	}
	m.SQL = strings.TrimSpace(strings.Join(up, "\n"))
	return m, nil
}

// header reads the orders and gives the lines behind the comments and blank lines at the top.
func header(m *Migration, lines []string) ([]string, error) {
	for i, line := range lines {
		line = strings.TrimSpace(line)
		comment, ok := strings.CutPrefix(line, "--")
		if line != "" && !ok || line == "-- down" {
			return lines[i:], nil
		}
		if err := order(m, strings.TrimSpace(comment)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func order(m *Migration, comment string) error {
	word, rest, hasColon := strings.Cut(comment, ":")
	args := strings.Fields(rest)
	switch {
	case comment == "no-tx":
		m.NoTx = true
	case comment == "rebuild":
		m.Rebuild = true
	case hasColon && word == "phase":
		return setPhase(m, strings.TrimSpace(rest))
	case hasColon && (word == "depends" || word == "min-online"):
		if len(args) != 2 {
			return fmt.Errorf("%q needs an app and one word behind it", word)
		}
		if word == "depends" {
			m.DependsOn = append(m.DependsOn, Ref{App: args[0], ID: args[1]})
			return nil
		}
		if m.MinOnline == nil {
			m.MinOnline = map[string]string{}
		}
		m.MinOnline[args[0]] = args[1]
	case hasColon && strings.Count(word, " ") == 0 && len(args) <= 2 && len(args) > 0:
		// Looks like an order, and a misspelt one must not be taken for prose.
		return fmt.Errorf("the order %q is not known; use depends, phase, no-tx, rebuild or min-online, or write the comment below the first statement", word)
	}
	return nil
}

func setPhase(m *Migration, name string) error {
	switch p := Phase(name); p {
	case Expand, Data, Contract:
		m.Phase = p
		return nil
	}
	return fmt.Errorf("the phase %q is not known; use expand, data or contract", name)
}
