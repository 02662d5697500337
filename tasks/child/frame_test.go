package child

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packhouse/packhouse/core/errs"
)

func TestFramesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.SliceOf(rapid.Map(rapid.String(), func(s string) Order { return Order{Task: strings.ToValidUTF8(s, "")} })).Draw(t, "orders")
		var pipe bytes.Buffer
		for _, o := range sent {
			if err := writeFrame(&pipe, o); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range sent {
			var got Order
			if err := readFrame(&pipe, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v comes back as %+v, %v", want, got, err)
			}
		}
		if err := readFrame(&pipe, new(Order)); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the last: %v", err)
		}
	})
}

func TestAFrameHasALargestSize(t *testing.T) {
	t.Parallel()
	var pipe bytes.Buffer
	if err := writeFrame(&pipe, strings.Repeat("x", maxFrame)); !errs.Is(err, errs.TooLarge) || pipe.Len() != 0 {
		t.Errorf("gives %v, and %d bytes are written", err, pipe.Len())
	}
}

// FuzzReadFrame: whatever the other side sends, reading ends, takes no more memory than was sent, and gives no half value.
func FuzzReadFrame(f *testing.F) {
	for _, seed := range []string{"", "\x00\x00\x00\x02{}", "\x00\x00\x00\x10{\"result\":[1,2]}", "\xff\xff\xff\xff{", "\x00\x00\x00\x04null"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		from := bytes.NewReader(sent)
		var a answer
		if err := readFrame(from, &a); err != nil {
			return
		}
		if read := len(sent) - from.Len(); read < 4 || read > maxFrame+4 {
			t.Errorf("%d of %d bytes made an answer", read, len(sent))
		}
		if a.Fault != nil && a.Fault.err().Error() != a.Fault.Text {
			t.Errorf("%+v is told as %v", a.Fault, a.Fault.err())
		}
	})
}
