package journey_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/ident"
	"github.com/packhouse/packhouse/core/testkit"
)

// line is one command as a user types it, and what must come of it. In every text, {name} stands for what an earlier
// line kept under the name, {u} for a word that no other session has, and {t1} to {t3} for texts, see texts.
type line struct {
	// about says what the line shows.
	about string
	// write are files to write first, path → text; those below mirror/ are in the folder that the upstream serves.
	write map[string]string
	// do is the command; single quotes hold words together.
	do string
	// exit is the exit code.
	exit int
	// want are wishes about standard output as JSON, see step.want; has are regular expressions that some line of
	// standard output must match, and says those of standard error.
	want, has, says []string
	// hush wants nothing on standard error.
	hush bool
	// sum is the SHA-256 of all of standard output.
	sum string
	// keep saves values out of standard output by path: name → path. A value of says saves what a group matches.
	keep map[string]string
	// told saves the group of a regular expression over standard error: name → expression.
	told map[string]string
}

// session is lines that know each other's results and share a folder to work in.
type session struct {
	name  string
	lines []line
}

// shell runs commands against an installation, with a home of its own.
type shell struct {
	*installation
	environ []string
	bin     string
	// pulp is the socket of a process that has imported the pulp command already, see testdata/pulp.py; "" before it runs.
	pulp string
}

// newShell writes the settings of the pulp command as a user does.
func newShell(t *testing.T, i *installation) *shell {
	t.Helper()
	home, bin := t.TempDir(), testkit.Python(t)
	s := &shell{installation: i, bin: bin, environ: []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "NO_COLOR=1",
	}}
	s.play(t, session{"the profile", []line{
		{do: "pulp config create --base-url {api} --username " + admin + " --password " + adminPassword},
		{do: "pulp config validate", has: []string{"is a valid pulp-cli config"}},
		{do: "pulp status", want: []string{`versions.0.component = "core"`, `domain_enabled = ` + strconv.FormatBool(i.domains != "")}},
	}})
	s.imported(t)
	return s
}

// imported starts the process that runs further pulp commands.
func (s *shell) imported(t *testing.T) {
	t.Helper()
	socket := filepath.Join(s.environ[0][len("HOME="):], "pulp.sock")
	c := exec.CommandContext(t.Context(), filepath.Join(s.bin, "python"), script(t, "pulp.py"), socket) //nolint:gosec // G204: the program of the tests' own Python
	c.Env, c.Stderr = s.environ, os.Stderr
	end, err := c.StdinPipe()
	must(t, err)
	told, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() {
		_ = end.Close()
		_ = c.Wait()
	})
	if line, err := bufio.NewReader(told).ReadString('\n'); line != "ready\n" {
		t.Fatalf("pulp.py said %q: %v", line, err)
	}
	s.pulp = socket
}

// ask runs a pulp command in a process forked from the one that imported it.
func (s *shell) ask(t *testing.T, folder string, args []string) (stdout, stderr []byte, exit int) {
	t.Helper()
	out := t.TempDir()
	request := map[string]any{"args": args, "folder": folder, "environ": map[string]string{"PWD": folder}, "stdout": filepath.Join(out, "out"), "stderr": filepath.Join(out, "err")}
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "unix", s.pulp)
	must(t, err)
	defer func() { _ = connection.Close() }()
	must(t, json.NewEncoder(connection).Encode(request))
	code, err := io.ReadAll(connection)
	must(t, err)
	exit, err = strconv.Atoi(string(code))
	must(t, err)
	stdout, err = os.ReadFile(filepath.Join(out, "out"))
	must(t, err)
	stderr, err = os.ReadFile(filepath.Join(out, "err"))
	must(t, err)
	return stdout, stderr, exit
}

// each runs sessions side by side, the lines of each in order.
func (s *shell) each(t *testing.T, sessions ...session) {
	t.Helper()
	for _, one := range sessions {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			s.play(t, one)
		})
	}
}

func (s *shell) play(t *testing.T, one session) {
	t.Helper()
	folder := t.TempDir()
	must(t, os.Symlink(s.mirror, filepath.Join(folder, "mirror")))
	vars := map[string]string{"u": "u" + ident.New()[24:], "api": s.api, "content": s.content, "upstream": s.upstream, "mirror": s.mirror, "domains": s.domains, "none": ident.New(), "folder": folder}
	vars["cert"], _ = certificate(t)
	vars["cert_header"] = url.PathEscape(vars["cert"])
	texts(vars)
	for number, l := range one.lines {
		if fault := s.seen(t, folder, l, vars); fault != "" {
			t.Fatalf("line %d (%s): %s\n%s", number, l.about, fill(l.do, vars), fault)
		}
	}
}

// seen runs a line. What is downloaded may be a second behind what was changed just before, so that is tried again.
func (s *shell) seen(t *testing.T, folder string, l line, vars map[string]string) string {
	t.Helper()
	fault := s.line(t, folder, l, vars)
	if !strings.HasPrefix(l.do, "curl ") || !strings.Contains(l.do, "{content}/") {
		return fault
	}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for tries := 25; fault != "" && tries > 0; tries-- {
		<-again.C
		fault = s.line(t, folder, l, vars)
	}
	return fault
}

// line runs one line and gives what is wrong, "" when nothing is.
func (s *shell) line(t *testing.T, folder string, l line, vars map[string]string) string {
	t.Helper()
	for path, text := range l.write {
		path = filepath.Join(folder, fill(path, vars))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(fill(text, vars)), 0o644))
	}
	stdout, stderr, exit := s.run(t, folder, words(fill(l.do, vars)))
	var faults []string
	if exit != l.exit {
		faults = append(faults, fmt.Sprintf("exit code %d, want %d", exit, l.exit))
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(stdout)); l.sum != "" && sum != fill(l.sum, vars) {
		faults = append(faults, "the sum is "+sum+", want "+fill(l.sum, vars))
	}
	if l.hush && len(stderr) > 0 {
		faults = append(faults, "standard error should be empty")
	}
	faults = append(faults, unmatched("standard output", stdout, l.has, vars)...)
	faults = append(faults, unmatched("standard error", stderr, l.says, vars)...)
	for _, wish := range l.want {
		if fault := check(stdout, fill(wish, vars)); fault != "" {
			faults = append(faults, fault)
		}
	}
	faults = append(faults, l.kept(stdout, stderr, vars)...)
	if faults == nil {
		return ""
	}
	return fmt.Sprintf("%s\nstandard output: %s\nstandard error: %s", strings.Join(faults, "\n"), stdout, stderr)
}

// kept saves what later lines need.
func (l line) kept(stdout, stderr []byte, vars map[string]string) (faults []string) {
	for name, path := range l.keep {
		value, there := at(stdout, path)
		if !there {
			faults = append(faults, "there is nothing to keep at "+path)
		}
		vars[name] = strings.Trim(compact(value), `"`)
	}
	for name, expression := range l.told {
		found := regexp.MustCompile(expression).FindSubmatch(stderr)
		if len(found) != 2 {
			faults = append(faults, "standard error does not tell "+expression)
			continue
		}
		vars[name] = string(found[1])
	}
	return faults
}

// unmatched are the expressions that no line of a text matches.
func unmatched(what string, text []byte, expressions []string, vars map[string]string) (faults []string) {
	for _, expression := range expressions {
		if expression = fill(expression, vars); !regexp.MustCompile("(?m)" + expression).Match(text) {
			faults = append(faults, what+" has nothing like "+expression)
		}
	}
	return faults
}

// run runs one command. The program is looked for in the tests' own Python first.
func (s *shell) run(t *testing.T, folder string, args []string, environ ...string) (stdout, stderr []byte, exit int) {
	t.Helper()
	if s.pulp != "" && args[0] == "pulp" && environ == nil {
		return s.ask(t, folder, args[1:])
	}
	program := filepath.Join(s.bin, args[0])
	if _, err := os.Stat(program); err != nil {
		program = args[0]
	}
	var out, err bytes.Buffer
	c := exec.CommandContext(t.Context(), program, args[1:]...)
	c.Dir, c.Env, c.Stdout, c.Stderr = folder, append(s.environ, environ...), &out, &err
	if failed, isExit := errors.AsType[*exec.ExitError](c.Run()); isExit {
		exit = failed.ExitCode()
	} else if c.ProcessState == nil {
		t.Fatalf("%s could not be run", program)
	}
	return out.Bytes(), err.Bytes(), exit
}

// words splits a command at spaces that are not in single quotes.
func words(command string) []string {
	var list []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			if len(list) > 0 && strings.HasSuffix(list[len(list)-1], "=") {
				list[len(list)-1] += part
			} else {
				list = append(list, part)
			}
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}
