package child

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestServeWantsAnOrder(t *testing.T) {
	t.Parallel()
	for _, stdin := range []string{"", "\x00\x00", "\x00\x00\x00\x05{}", "\xff\xff\xff\xff", "\x00\x00\x00\x01x", "hello, is there anybody?"} {
		err := Serve(t.Context(), strings.NewReader(stdin), io.Discard, func() {}, func(context.Context, Order) (any, error) {
			t.Errorf("%q began the work", stdin)
			return nil, nil
		})
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%q gives %v", stdin, err)
		}
	}
	if _, err := AnswerTo(); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a parent: %v", err)
	}
}

// TestServeListens: the parent can cancel, and its end is noticed without the kernel's help.
func TestServeListens(t *testing.T) {
	t.Parallel()
	stdin, parent := io.Pipe()
	go func() {
		_ = writeFrame(parent, Order{Task: "a"})
		_ = writeFrame(parent, stop{})
	}()
	orphaned := make(chan struct{})
	var out bytes.Buffer
	err := Serve(t.Context(), stdin, &out, func() { close(orphaned) }, func(ctx context.Context, _ Order) (any, error) {
		<-ctx.Done() // told to stop
		_ = parent.Close()
		<-orphaned
		return nil, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := readFrame(&out, &a); err != nil || a.Fault == nil {
		t.Errorf("the answer is %+v, %v", a, err)
	}
}

func TestAnAnswerThatNobodyTakes(t *testing.T) {
	t.Parallel()
	var order bytes.Buffer
	if err := writeFrame(&order, Order{}); err != nil {
		t.Fatal(err)
	}
	stdin, _ := io.Pipe()
	out, closed := io.Pipe()
	_ = out.Close()
	err := Serve(t.Context(), io.MultiReader(&order, stdin), closed, func() {}, func(context.Context, Order) (any, error) { return nil, nil })
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("gives %v", err)
	}
}
