package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that was not understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func misused(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// noSuchCommand refuses words where only a command can stand, and names the command that may be meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if few := cmd.Commands(); len(few) == 2 {
		hint = "choose " + few[0].Name() + " or " + few[1].Name()
	}
	cmd.SuggestionsMinimumDistance = 2
	far := func(name string) bool { return !near(strings.ToLower(args[0]), name) }
	if near := slices.DeleteFunc(cmd.SuggestionsFor(args[0]), far); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return misused("there is no command %q in %s; %s", args[0], cmd.CommandPath(), hint)
}

// near tells whether a word may be a name that was mistyped or cut off: with one letter wrong in more than three, or two
// behind the first.
func near(typed, name string) bool {
	if typed == "" {
		return false
	}
	d := distance(typed, name)
	return strings.HasPrefix(name, typed) || d == 1 && len(name) > 3 || d <= 2 && typed[0] == name[0]
}

// words checks the number of words behind a command; usage names them.
func words(least, most int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return misused("write it as: %s", strings.TrimSpace(cmd.CommandPath()+" "+usage))
		}
		return nil
	}
}

// flagError words what is wrong with a flag, and names the flag that may be meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if missing, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := nearestFlag(cmd, missing.GetSpecifiedName()); near != "" {
			hint = "did you mean --" + near + "?"
		}
	}
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return misused("--%s %q is not understood; %s", bad.GetFlag().Name, bad.GetValue(), wanted(bad))
	}
	return misused("%w; %s", err, hint)
}

// wanted tells which values a flag takes.
func wanted(bad *pflag.InvalidValueError) string {
	switch bad.GetFlag().Value.Type() {
	case "int", "int64":
		return "give a whole number"
	case "bool":
		return "give true or false"
	}
	return bad.Unwrap().Error()
}

// nearestFlag gives the flag with the fewest letters changed, if they are few.
func nearestFlag(cmd *cobra.Command, name string) string {
	best, least := "", 3
	look := func(f *pflag.Flag) {
		if d := distance(name, f.Name); d < least && d < len(f.Name) {
			best, least = f.Name, d
		}
	}
	cmd.Flags().VisitAll(look)
	cmd.InheritedFlags().VisitAll(look)
	return best
}

// distance is the number of letters to change, add or remove to come from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// onlyOne refuses flags that contradict each other.
func onlyOne(cmd *cobra.Command, flags ...string) error {
	var given []string
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		return misused("%s cannot be given together; choose one", strings.Join(given, " and "))
	}
	return nil
}

// oneOf checks the value of a flag that takes a few words only.
func oneOf(flag, value string, known ...string) error {
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	return misused("--%s %q is not known; choose one of %s", flag, value, strings.Join(known, ", "))
}
