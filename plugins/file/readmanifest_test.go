package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/publication"
	"github.com/packhouse/packhouse/core/serve"
)

// read reads a whole manifest, up to the first error.
func read(from io.Reader) (all []line, fault error) {
	for l, err := range readManifest(from) {
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	return all, nil
}

func TestReadManifest(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0123456789abcdef", 4)
	one := []line{{"a", sum, 1}}
	for name, c := range map[string]struct {
		text string
		want []line
		// fault is a part of the error; what was read before is in want.
		fault string
	}{
		"nothing":                {text: ""},
		"only blanks":            {text: "\n \n\t\r\n"},
		"one":                    {text: "a," + sum + ",1\n", want: one},
		"no end of line":         {text: "a," + sum + ",1", want: one},
		"DOS":                    {text: "a," + sum + ",1\r\n\r\n", want: one},
		"byte order mark":        {text: "\ufeffa," + sum + ",1\n", want: one},
		"only a byte order mark": {text: "\ufeff"},
		"a comment":              {text: "# b," + sum + ",1\na," + sum + ",1\n#", want: one},
		"an indented comment":    {text: "  # b\na," + sum + ",1\n", want: one},
		"blanks around":          {text: "  a," + sum + ",1 \t\n", want: one},
		"upper case":             {text: "a," + strings.ToUpper(sum) + ",1\n", want: one},
		"commas in the path":     {text: "a,b,,c," + sum + ",1\n", want: []line{{"a,b,,c", sum, 1}}},
		"only a comma":           {text: ",," + sum + ",1\n", want: []line{{",", sum, 1}}},
		"spaces inside":          {text: "a b/c d," + sum + ",1\n", want: []line{{"a b/c d", sum, 1}}},
		"what URLs must escape":  {text: "%2e%2e/?x#y&ä;:\"'," + sum + ",1\n", want: []line{{"%2e%2e/?x#y&ä;:\"'", sum, 1}}},
		"dots in a name":         {text: "..a/b../...," + sum + ",1\n", want: []line{{"..a/b../...", sum, 1}}},
		"twice":                  {text: "a," + sum + ",1\na," + sum + ",1\n", want: []line{{"a", sum, 1}, {"a", sum, 1}}},
		"empty file":             {text: "a," + sum + ",0\n", want: []line{{"a", sum, 0}}},
		"the largest":            {text: "a," + sum + ",9223372036854775807\n", want: []line{{"a", sum, 1<<63 - 1}}},
		"larger":                 {text: "a," + sum + ",9223372036854775808\n", fault: "size"},
		"much larger":            {text: "a," + sum + "," + strings.Repeat("9", 40) + "\n", fault: "size"},
		"negative":               {text: "a," + sum + ",-1\n", fault: "size"},
		"signed":                 {text: "a," + sum + ",+1\n", fault: "size"},
		"no size":                {text: "a," + sum + ",\n", fault: "size"},
		"a fraction":             {text: "a," + sum + ",1.5\n", fault: "size"},
		"hexadecimal":            {text: "a," + sum + ",0x1\n", fault: "size"},
		"grouped":                {text: "a," + sum + ",1_000\n", fault: "size"},
		"other digits":           {text: "a," + sum + ",١\n", fault: "size"},
		"blank before the size":  {text: "a," + sum + ", 1\n", fault: "size"},
		"no digest":              {text: "a,,1\n", fault: "SHA-256"},
		"short digest":           {text: "a," + sum[1:] + ",1\n", fault: "SHA-256"},
		"long digest":            {text: "a," + sum + "0,1\n", fault: "SHA-256"},
		"MD5":                    {text: "a," + sum[:32] + ",1\n", fault: "SHA-256"},
		"not hexadecimal":        {text: "a,g" + sum[1:] + ",1\n", fault: "SHA-256"},
		"fold of letters":        {text: "a,\u212a" + sum[3:] + ",1\n", fault: "SHA-256"},
		"junk":                   {text: "<!DOCTYPE html>\n", fault: "line 1 "},
		"one comma":              {text: "a," + sum + "\n", fault: "line 1 "},
		"junk later":             {text: "a," + sum + ",1\n# b\n\nboo\nc," + sum + ",1\n", want: one, fault: `line 4 of the manifest, "boo"`},
		"no path":                {text: "," + sum + ",1\n", fault: "path"},
		"absolute":               {text: "/a," + sum + ",1\n", fault: "path"},
		"climbing":               {text: "../a," + sum + ",1\n", fault: "path"},
		"climbing inside":        {text: "a/../../b," + sum + ",1\n", fault: "path"},
		"only dots":              {text: ".," + sum + ",1\n", fault: "path"},
		"a dot inside":           {text: "a/./b," + sum + ",1\n", fault: "path"},
		"climbing at the end":    {text: "a/..," + sum + ",1\n", fault: "path"},
		"a folder":               {text: "a/," + sum + ",1\n", fault: "path"},
		"empty segment":          {text: "a//b," + sum + ",1\n", fault: "path"},
		"other slashes":          {text: "..\\a," + sum + ",1\n", fault: "path"},
		"NUL":                    {text: "a\x00b," + sum + ",1\n", fault: "path"},
		"a return in it":         {text: "a\rb," + sum + ",1\n", fault: "path"},
		"not UTF-8":              {text: "a\xffb," + sum + ",1\n", fault: "path"},
		"long path":              {text: strings.Repeat("a", 5000) + "," + sum + ",1\n", fault: "path"},
		"a second mark":          {text: "\ufeff\xff," + sum + ",1\n", fault: "path"},
		"long line":              {text: "a," + sum + ",1\n" + strings.Repeat("a", longestLine+1) + "," + sum + ",1\n", want: one, fault: "line 2 of the manifest"},
		"long comment":           {text: "#" + strings.Repeat("a", longestLine+1), fault: "line 1 of the manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, from := range map[string]io.Reader{"at once": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text))} {
				got, err := read(from)
				if !slices.Equal(got, c.want) || (err == nil) != (c.fault == "") {
					t.Fatalf("%s: %+v, %v; want %+v and %q", how, got, err, c.want, c.fault)
				}
				if err != nil && (!strings.Contains(err.Error(), c.fault) || !errs.Is(err, errs.Invalid) || !strings.HasPrefix(err.Error(), "line ") || len(err.Error()) > 500) {
					t.Errorf("%s: the error is %q of %d bytes, want %q", how, err, len(err.Error()), c.fault)
				}
			}
		})
	}
}

// What the file says before it breaks off is no manifest of fewer files.
func TestAManifestThatCannotBeRead(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is gone")
	got, err := read(io.MultiReader(strings.NewReader("a,"+strings.Repeat("0", 64)+",1\nb,"+strings.Repeat("0", 64)+",1"), iotest.ErrReader(cause)))
	if !errors.Is(err, cause) || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for l, err := range readManifest(strings.NewReader("a," + strings.Repeat("0", 64) + ",1\njunk")) {
		if err != nil || l.path != "a" {
			t.Errorf("%+v, %v", l, err)
		}
		break // and nothing is read on
	}
}

// What is written is read again, whatever the paths are.
func TestManifestsRoundTrip(t *testing.T) {
	t.Parallel()
	path := rapid.StringMatching(`[a-zA-Z0-9,.# äß%?&=\-_]{1,12}(/[a-zA-Z0-9,.# ä%]{1,8}){0,2}`).Filter(func(p string) bool {
		return serve.CleanPath(p) && p[0] != '#' && strings.TrimSpace(p) == p
	})
	rapid.Check(t, func(t *rapid.T) {
		var listed []publication.Unit
		var want []line
		for range rapid.IntRange(0, 5).Draw(t, "files") {
			sum := sha256.Sum256(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "bytes"))
			l := line{path.Draw(t, "path"), hex.EncodeToString(sum[:]), rapid.Int64Range(0, 1<<63-1).Draw(t, "size")}
			want = append(want, l)
			listed = append(listed, publication.Unit{RelativePath: l.path, SHA256: l.sha256, Size: l.size})
		}
		var text bytes.Buffer
		if err := writeManifest(&text, units(listed, nil)); err != nil {
			t.Fatal(err)
		}
		if got, err := read(&text); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	})
}

// FuzzReadManifest: whatever an upstream sends, there is a clean line or an error, and no path leads out of the folder.
func FuzzReadManifest(f *testing.F) {
	sum := strings.Repeat("0", 64)
	for _, seed := range []string{"", "a," + sum + ",1\n", "\ufeff# x\r\n a,b," + strings.ToUpper(strings.Repeat("ab", 32)) + ",0", "../a," + sum + ",1", ",,,\n\x00", "?#%2f," + sum + ",7"} {
		f.Add(seed)
	}
	home, err := url.Parse("http://mirror.example.org/folder/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := 0
		for l, err := range readManifest(strings.NewReader(text)) {
			if err != nil {
				if !strings.HasPrefix(err.Error(), "line ") {
					t.Fatalf("the error is %q", err)
				}
				return
			}
			lines++
			if l.path == "" || !serve.CleanPath(l.path) || strings.HasSuffix(l.path, "/") || l.size < 0 || len(l.sha256) != 64 || strings.ToLower(l.sha256) != l.sha256 {
				t.Fatalf("%+v came through", l)
			}
			at, err := url.Parse(home.String() + escaped(l.path))
			if err != nil || at.Path != home.Path+l.path || at.RawQuery != "" || at.Fragment != "" || home.ResolveReference(at).Path != at.Path {
				t.Fatalf("%q becomes %v, %v", l.path, at, err)
			}
		}
		if most := strings.Count(text, "\n") + 1; lines > most {
			t.Fatalf("%d files of %d lines", lines, most)
		}
	})
}

func TestWhereTheFilesLie(t *testing.T) {
	t.Parallel()
	for manifest, want := range map[string]string{
		"http://a.example/PULP_MANIFEST":             "http://a.example/",
		"http://a.example/x/y/PULP_MANIFEST":         "http://a.example/x/y/",
		"http://a.example/x/":                        "http://a.example/x/",
		"http://a.example":                           "http://a.example/",
		"https://a.example:8443/x/m?token=a/b#c/d":   "https://a.example:8443/x/",
		"http://a.example/x%2Fy/%23/PULP_MANIFEST":   "http://a.example/x%2Fy/%23/",
		"http://a.example/with space/PULP_MANIFEST":  "http://a.example/with%20space/",
		"http://[::1]:80/x/PULP_MANIFEST":            "http://[::1]:80/x/",
		"file:///var/lib/x/PULP_MANIFEST":            "file:///var/lib/x/",
		"http://joe@a.example/x/PULP_MANIFEST?a=b/c": "http://joe@a.example/x/",
	} {
		if got, err := folder(manifest); err != nil || got != want {
			t.Errorf("beside %s is %q, %v; want %q", manifest, got, err, want)
		}
	}
	if _, err := folder("http://a b"); err == nil {
		t.Error("a URL that is none has a folder")
	}
}

// TestTenMillionLines reads a manifest that is larger than any, in the memory of one line.
func TestTenMillionLines(t *testing.T) { // alone, because it looks at the memory of the process
	const manyLines, most = 10_000_000, 8 << 20
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, largest := 0, uint64(0)
	for l, err := range readManifest(&endless{left: manyLines}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%(manyLines/8) == 0 {
			if want := strconv.Itoa(n - 1); !strings.HasSuffix(l.path, want) {
				t.Fatalf("file %d is at %s", n, l.path)
			}
			runtime.GC()
			runtime.ReadMemStats(&now)
			largest = max(largest, now.HeapAlloc)
		}
	}
	if n != manyLines {
		t.Errorf("%d files were read", n)
	}
	if largest > before.HeapAlloc+most {
		t.Errorf("reading %d lines took %d bytes more than before", n, largest-before.HeapAlloc)
	}
}

// endless makes a manifest line by line.
type endless struct {
	left, made int
	rest       []byte
	line       []byte
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(e.rest) == 0 {
			if e.left == 0 {
				return n, map[bool]error{true: io.EOF}[n == 0]
			}
			e.line = append(e.line[:0], "folder/file-"...)
			e.line = strconv.AppendInt(e.line, int64(e.made), 10)
			e.line = append(e.line, ",0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,1048576\n"...)
			e.rest, e.left, e.made = e.line, e.left-1, e.made+1
		}
		copied := copy(p[n:], e.rest)
		e.rest, n = e.rest[copied:], n+copied
	}
	return n, nil
}

var _ io.Reader = (*endless)(nil)
