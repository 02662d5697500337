package journey_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/ident"
)

// root is where requests go whose path does not begin with a root of its own.
const root = "/pulp/api/v3/"

// step is one request and what must come of it. In every text, {name} stands for what an earlier step kept under the
// name, {u} for a word that no other scenario has, and {t1} for a text, see texts.
type step struct {
	// about says what the step shows.
	about string
	// as is who asks: admin when empty, "nobody" without credentials, "anything:else" as it is.
	as string
	// do is method and path.
	do     string
	header map[string]string
	// body is JSON unless header names another type.
	body string
	// parts make a multipart body.
	parts  []part
	status int
	// task is the state in which the task of a 202 must end; all wishes below are then about the task.
	task string
	// want are wishes like `results.0.name = "a"`: a path, = or ~ (regular expression) or "absent", compact JSON.
	want []string
	// has and hasNot are texts of the body.
	has, hasNot []string
	// headers are wanted ones, exactly; an empty value wants none.
	headers map[string]string
	// keep saves values by path: name → path.
	keep map[string]string
}

// part is a part of a multipart body; with a file name it is a file.
type part struct{ name, file, text string }

// scenario is steps that know each other's results.
type scenario struct {
	name  string
	steps []step
}

// play runs scenarios side by side, the steps of each in order.
func (w *world) play(t *testing.T, scenarios ...scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			vars := map[string]string{"u": "u" + ident.New()[24:], "group": w.group, "none": ident.New()}
			texts(vars)
			for i, one := range s.steps {
				w.step(t, fmt.Sprintf("step %d (%s %s)", i, one.about, one.do), one, vars)
			}
		})
	}
}

// texts adds t1 to t3, each a text that no other scenario has, with their digests and size.
func texts(vars map[string]string) {
	for _, name := range []string{"t1", "t2", "t3"} {
		text := name + " of " + vars["u"]
		vars[name], vars[name+"_size"] = text, strconv.Itoa(len(text))
		vars[name+"_sha256"] = fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
		vars[name+"_sha512"] = fmt.Sprintf("%x", sha512.Sum512([]byte(text)))
	}
}

var variable = regexp.MustCompile(`\{[a-z0-9_]+\}`)

func fill(text string, vars map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, known := vars[name[1:len(name)-1]]; known {
			return value
		}
		return name
	})
}

func (w *world) step(t *testing.T, where string, s step, vars map[string]string) {
	t.Helper()
	answer := w.do(t, w.request(t, s, vars))
	body := answer.Body.Bytes()
	if answer.Code != s.status {
		t.Fatalf("%s: status %d, want %d: %s", where, answer.Code, s.status, body)
	}
	for name, value := range s.headers {
		if got := strings.Join(answer.Header()[name], "|"); got != fill(value, vars) {
			t.Errorf("%s: header %s is %q, want %q (all: %v)", where, name, got, value, answer.Header())
		}
	}
	if s.task != "" {
		body = w.finished(t, where, body)
		s.want = append(s.want, "state = "+strconv.Quote(s.task))
	}
	for _, text := range s.has {
		if !strings.Contains(string(body), fill(text, vars)) {
			t.Errorf("%s: %q is missing in %s", where, fill(text, vars), body)
		}
	}
	for _, text := range s.hasNot {
		if strings.Contains(string(body), fill(text, vars)) {
			t.Errorf("%s: %q must not be in %s", where, text, body)
		}
	}
	for _, wish := range s.want {
		if fault := check(body, fill(wish, vars)); fault != "" {
			t.Errorf("%s: %s in %s", where, fault, body)
		}
	}
	for name, path := range s.keep {
		value, ok := at(body, path)
		if !ok {
			t.Fatalf("%s: nothing to keep at %s in %s", where, path, body)
		}
		vars[name] = fmt.Sprint(value)
	}
	if t.Failed() {
		t.FailNow()
	}
}

func (w *world) request(t *testing.T, s step, vars map[string]string) *http.Request {
	t.Helper()
	method, path, _ := strings.Cut(fill(s.do, vars), " ")
	path = strings.TrimPrefix(path, w.url)
	if !strings.HasPrefix(path, "/pulp/") {
		path = strings.TrimSuffix(root, "/") + path
	}
	kind, body := "application/json", bytes.NewBufferString(fill(s.body, vars))
	if s.parts != nil {
		kind, body = form(t, s.parts, vars)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
	must(t, err)
	if body.Len() > 0 {
		r.Header.Set("Content-Type", kind)
	}
	switch name, password, given := strings.Cut(fill(s.as, vars), ":"); {
	case s.as == "":
		r.SetBasicAuth(admin, adminPassword)
	case s.as == plain:
		r.SetBasicAuth(plain, plainPassword)
	case given:
		r.SetBasicAuth(name, password)
	}
	for name, value := range s.header {
		r.Header[name] = []string{fill(value, vars)}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	return r
}

func form(t *testing.T, parts []part, vars map[string]string) (string, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	to := multipart.NewWriter(&out)
	for _, p := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p.name + `"`}}
		if p.file != "" {
			header = textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p.name + `"; filename="` + p.file + `"`}, "Content-Type": {"application/octet-stream"}}
		}
		one, err := to.CreatePart(header)
		must(t, err)
		_, err = one.Write([]byte(fill(p.text, vars)))
		must(t, err)
	}
	must(t, to.Close())
	return to.FormDataContentType(), &out
}

// finished follows the task of a 202 to its end and gives the task.
func (w *world) finished(t *testing.T, where string, body []byte) []byte {
	t.Helper()
	var accepted map[string]string
	if err := json.Unmarshal(body, &accepted); err != nil || len(accepted) != 1 {
		t.Fatalf("%s: the answer 202 must have the one key task: %s", where, body)
	}
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		answer := w.do(t, w.request(t, step{do: "GET " + accepted["task"]}, nil))
		if state, _ := at(answer.Body.Bytes(), "state"); state == "completed" || state == "failed" || state == "canceled" {
			return answer.Body.Bytes()
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatalf("%s: the task did not end: %s", where, answer.Body)
		}
	}
}

// check gives what is wrong with a wish, "" when it is fulfilled.
func check(body []byte, wish string) string {
	path, rest, _ := strings.Cut(wish, " ")
	got, there := at(body, path)
	if rest == "absent" {
		if there {
			return path + " must be absent"
		}
		return ""
	}
	operator, want, _ := strings.Cut(rest, " ")
	if !there {
		return path + " is missing"
	}
	text := compact(got)
	switch operator {
	case "=":
		if text != want {
			return fmt.Sprintf("%s is %s, want %s", path, text, want)
		}
	case "~":
		if !regexp.MustCompile(want).MatchString(text) {
			return fmt.Sprintf("%s is %s, want a match of %s", path, text, want)
		}
	default:
		return "the wish " + wish + " has no operator"
	}
	return ""
}

func compact(v any) string {
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	if err := to.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(out.String())
}

// at follows a path of keys, indexes, # (the length), * (each) and keys (the names) through JSON; "." is all of it.
func at(body []byte, path string) (any, bool) {
	from := json.NewDecoder(bytes.NewReader(body))
	from.UseNumber()
	var value any
	if err := from.Decode(&value); err != nil {
		return nil, false
	}
	if path == "." {
		return value, true
	}
	return follow(value, strings.Split(path, "."))
}

func follow(value any, path []string) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	switch v := value.(type) {
	case map[string]any:
		if path[0] == "#" {
			return follow(json.Number(strconv.Itoa(len(v))), path[1:])
		}
		inner, there := v[path[0]]
		if !there {
			return nil, false
		}
		return follow(inner, path[1:])
	case []any:
		return followList(v, path)
	}
	return nil, false
}

func followList(list []any, path []string) (any, bool) {
	switch path[0] {
	case "#":
		return json.Number(strconv.Itoa(len(list))), true
	case "*":
		each := make([]any, 0, len(list))
		for _, item := range list {
			inner, there := follow(item, path[1:])
			if !there {
				return nil, false
			}
			each = append(each, inner)
		}
		return each, true
	}
	i, err := strconv.Atoi(path[0])
	if err != nil || i < 0 || i >= len(list) {
		return nil, false
	}
	return follow(list[i], path[1:])
}
