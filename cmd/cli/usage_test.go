package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/plugins"
)

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := &commands{Process: Process{Apps: plugins.All()}}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s lacks a line of help or an example of itself", cmd.CommandPath())
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		if help := b.ok(append(path, "--help")...); !strings.Contains(help, "Examples:") || !strings.Contains(help, "--data") {
			t.Errorf("%s --help gives %s", cmd.CommandPath(), help)
		}
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(c.root())
}

// argv splits a command line as a shell does, where single quotes are all that it quotes with.
func argv(line string) (out []string) {
	for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1) {
		out = append(out, strings.Trim(word, "'"))
	}
	return out
}

func TestExamplesAreCommandLines(t *testing.T) {
	t.Parallel()
	c := &commands{Process: Process{Apps: plugins.All()}}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			_, call, found := strings.Cut(line, "packhouse ")
			if !found {
				t.Errorf("%s: %q calls nothing", cmd.CommandPath(), line)
				continue
			}
			call, _, _ = strings.Cut(call, " > ")
			call, _, _ = strings.Cut(call, " >> ")
			call, _, _ = strings.Cut(call, " || ")
			fresh := (&commands{Process: Process{Apps: plugins.All()}}).root()
			target, rest, err := fresh.Find(argv(call))
			if err != nil {
				t.Errorf("%q: %v", line, err)
			} else if err := target.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
			} else if err := target.ValidateArgs(target.Flags().Args()); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(c.root())
}

func TestWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for line, words := range map[string][]string{
		"srve":                              {`"srve"`, "did you mean serve?"},
		"nonsense":                          {`"nonsense"`, "packhouse --help"},
		"user lst":                          {`"lst"`, "did you mean list?"},
		"serve --lisen x":                   {"--lisen", "did you mean --listen?"},
		"serve --dta x":                     {"did you mean --data?"},
		"serve --qqqqqqq":                   {"packhouse serve --help"},
		"serve now":                         {"packhouse serve [--data FOLDER]"},
		"user create":                       {"packhouse user create NAME"},
		"user delete a b":                   {"packhouse user delete NAME"},
		"config show --format xml":          {"table, json"},
		"check --format xml":                {"text, json"},
		"check --set nothing":               {"key=value"},
		"migrate --plan --check":            {"--plan and --check"},
		"user create a --stdin --random":    {"--stdin and --random"},
		"migrate --check --set a=1 --set a": {"key=value"},
		"serve --set log.level=a --set log.level=b": {"log.level"},
	} {
		b.fails(exitMisused, words, strings.Fields(line)...)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if got := newBed(t).ok("version"); !strings.HasPrefix(got, "packhouse 1.2.3\n  core 3.") || !strings.Contains(got, "\n  file ") {
		t.Error(got)
	}
}
