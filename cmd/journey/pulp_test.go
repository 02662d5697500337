package journey_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/testkit"
)

// TestThePulpCommand drives an installation of one process for each machine with the published pulp command: every
// sub-command of `pulp file` and of the core's nouns that are served, with what they print.
func TestThePulpCommand(t *testing.T) {
	t.Parallel()
	s := newShell(t, split(t))
	s.each(t, pulpSessions()...)
}

func pulpSessions() []session {
	return slices.Concat(pulpCore(), pulpContent(), pulpRepositories(), pulpServing(), pulpSources(), pulpPeople(), pulpGuards())
}

// unserved are the commands for what is not served yet, those that the program refuses by itself (roles on domains and most guards), and one
// that asks no server.
var unserved = regexp.MustCompile(`^pulp (domain|content-guard (composite|header|redirect)) role \S+$|^pulp file repository version scan$|^pulp debug has-cli-plugin$`)

// TestNoPulpCommandIsForgotten asks the program for its commands: those of files, and of the core's nouns that are
// served, must stand in some session.
func TestNoPulpCommandIsForgotten(t *testing.T) {
	t.Parallel()
	served := regexp.MustCompile(`^pulp (file|artifact|upload|task|task-group|worker|content|repository|remote|publication|distribution|orphan|status|show|debug|user|group|role|access-policy|content-guard|domain)( |$)`)
	options := regexp.MustCompile(` (-b|-v+|--background|--refresh-api|--dry-run)\b| --(type|format|cid|username|password|base-url|header|domain) \S+`)
	used := ""
	for _, one := range slices.Concat(pulpSessions(), pulpDomains()) {
		for _, l := range one.lines {
			used += options.ReplaceAllString(l.do, "") + " \n"
		}
	}
	s := &shell{bin: testkit.Python(t), environ: []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}}
	stdout, stderr, exit := s.run(t, t.TempDir(), []string{"python", script(t, "commands.py")})
	commands := strings.Fields(strings.ReplaceAll(string(stdout), " ", "_"))
	if exit != 0 || len(commands) < 100 {
		t.Fatalf("commands.py ended with %d: %s%s", exit, stdout, stderr)
	}
	for _, command := range commands {
		command = strings.ReplaceAll(command, "_", " ")
		if served.MatchString(command) && !unserved.MatchString(command) && !strings.Contains(used, command+" ") {
			t.Errorf("%s is in no session", command)
		}
	}
}

// TestThePulpCommandOnOneProcess goes the way of most users on the embedded database.
func TestThePulpCommandOnOneProcess(t *testing.T) {
	t.Parallel()
	s := newShell(t, embedded(t))
	s.each(t, pulpTour())
}

// pulpTour is the whole way of files: in, published, served, changed and taken back.
func pulpTour() session {
	return session{"the tour", []line{
		{write: map[string]string{"a.txt": "{t1}", "b.txt": "{t2}"}, do: "pulp file repository create --name {u}", want: []string{`name = "{u}"`, `autopublish = false`}},
		{do: "pulp file content upload --file a.txt --relative-path a.txt --repository {u}", says: []string{"Started background task"}, want: []string{`relative_path = "a.txt"`, `sha256 = "{t1_sha256}"`}},
		{do: "pulp file content upload --file b.txt --relative-path sub/b.txt --repository {u} --chunk-size 7B", want: []string{`sha256 = "{t2_sha256}"`}, about: "in pieces"},
		{do: "pulp file repository version list --repository {u}", want: []string{`*.number = [2,1,0]`}},
		{do: "pulp file publication create --repository {u}", want: []string{`manifest = "PULP_MANIFEST"`}, keep: map[string]string{"p": "pulp_href"}},
		{do: "pulp file distribution create --name {u} --base-path {u}/files --publication {p}", want: []string{`publication = "{p}"`}, keep: map[string]string{"base": "base_url"}},
		{do: "curl -sf {content}/pulp/content/{u}/files/sub/b.txt", sum: "{t2_sha256}"},
		{do: "curl -sf {content}/pulp/content/{u}/files/PULP_MANIFEST", has: []string{"^a.txt,{t1_sha256},{t1_size}$", "^sub/b.txt,{t2_sha256},{t2_size}$"}},
		{do: "pulp file repository content remove --repository {u} --relative-path a.txt --sha256 {t1_sha256}"},
		{do: "pulp file distribution update --name {u} --repository {u}", says: []string{"Done"}},
		{do: "pulp file distribution show --name {u}", want: []string{`publication = null`, `repository ~ repositories`}},
		{do: "pulp file publication create --repository {u}"},
		{do: "curl -sf {content}/pulp/content/{u}/files/a.txt", sum: "{t1_sha256}", about: "it was served a while ago"},
		{do: "pulp file publication destroy --href {p}"},
		{do: "curl -s -o answer -w %{http_code} {content}/pulp/content/{u}/files/a.txt", has: []string{"^404$"}},
		{do: "pulp file repository content modify --repository {u} --base-version 1", about: "back to version 1", says: []string{"Done"}},
		{do: "pulp file repository content list --repository {u}", want: []string{`*.relative_path = ["a.txt"]`}},
		{do: "pulp file publication create --repository {u}"},
		{do: "curl -sf {content}/pulp/content/{u}/files/a.txt", sum: "{t1_sha256}"},
		{do: "pulp file distribution destroy --name {u}"},
		{do: "pulp file repository destroy --name {u}"},
	}}
}
