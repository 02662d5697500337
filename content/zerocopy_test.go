package content

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kernel stands for a connection: it notes the shape in which bytes arrive. Package net sends exactly this one with
// sendfile(2).
type kernel struct {
	t     *testing.T
	bytes strings.Builder
	calls int
}

func (k *kernel) Write(p []byte) (int, error) {
	k.t.Errorf("%d bytes were copied through memory", len(p))
	return len(p), nil
}

func (k *kernel) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		k.t.Fatalf("the reader is a %T", r)
	}
	if _, ok := limited.R.(*os.File); !ok {
		k.t.Errorf("the limited reader is over a %T", limited.R)
	}
	k.calls++
	return io.Copy(&k.bytes, limited)
}

func TestFilesReachTheConnectionAsFiles(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 3*block/10)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []span{{0, int64(len(text))}, {5, 2 * block}, {int64(len(text)) - 1, 1}} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		k := &kernel{t: t}
		n, err := localFile{f}.copyTo(k, s, func() {})
		if err != nil || n != s.length || k.bytes.String() != text[s.start:s.start+s.length] {
			t.Errorf("%+v: %d bytes, %v", s, n, err)
		}
		if n, err := (localFile{f}).copyTo(k, span{start: int64(len(text)) - 1, length: 2}, func() {}); err != io.ErrUnexpectedEOF {
			t.Errorf("a file that became shorter gives %d bytes and %v", n, err)
		}
		_ = f.Close()
	}
}
