package child

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
)

// TestLinesDoNotDependOnThePieces: the log is the same however the output comes in.
func TestLinesDoNotDependOnThePieces(t *testing.T) {
	t.Parallel()
	var sent bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&sent, nil))
	log.Info("one", "n", 1)
	sent.WriteString("panic: oh\n\ngoroutine 1\n")
	log.Error("two", "text", "a\nb", "big", strings.Repeat("y", 5000))
	sent.WriteString(`{"msg":"no time"}` + "\n" + strings.Repeat("z", 2*maxLine) + "\n" + `{"time":"2026-01-02T03:04:05Z","level":"WARN","msg":"without an end"}`)
	whole := toldBy(t, bytes.NewReader(sent.Bytes()))
	for _, part := range []string{"msg=one n=1", "msg=two text=\"a\\nb\" big=yyy", "panic: oh\\ngoroutine 1\\n", "no time", "level=WARN msg=\"without an end\""} {
		if !strings.Contains(whole, part) {
			t.Errorf("there is no %q in %.3000s", part, whole)
		}
	}
	if len(whole) > 40_000 {
		t.Errorf("%d bytes are kept", len(whole))
	}
	if bytewise := toldBy(t, iotest.OneByteReader(bytes.NewReader(sent.Bytes()))); bytewise != whole {
		t.Errorf("byte by byte the log is %.3000s", bytewise)
	}
}

// toldBy is the log of output that comes in the pieces of a reader.
func toldBy(t *testing.T, from io.Reader) string {
	t.Helper()
	var out bytes.Buffer
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	l := &lines{ctx: t.Context(), log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: noTime}))}
	if _, err := io.Copy(struct{ io.Writer }{l}, struct{ io.Reader }{from}); err != nil {
		t.Fatal(err)
	}
	l.close()
	return out.String()
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"a","k":{"x":[1]}}` + "\nnoise\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		l := &lines{ctx: t.Context(), log: slog.New(slog.DiscardHandler)}
		if n, err := l.Write(sent); n != len(sent) || err != nil {
			t.Errorf("wrote %d of %d, %v", n, len(sent), err)
		}
		l.close()
	})
}
