package main

import (
	"context"
	"fmt"
	"os"
	"testing"
)

func TestDev(t *testing.T) {
	at := os.Getenv("AT")
	b := &bench{}
	b.made.Store(int64(os.Getpid()) * 1000000)
	for range 3 {
		r := map[string]func(ctx context.Context, w *wire, n int) error{
			"artifacts": func(_ context.Context, w *wire, _ int) error {
				return expect(w, formRequest(at, api+"artifacts/", random(smallFile)), 201)
			},
			"contents": func(ctx context.Context, w *wire, _ int) error {
				return uploadUnit(ctx, w, at, random(smallFile), fmt.Sprintf("u%d", b.number()))
			},
			"list": fetch(getRequest(at, api+"repositories/file/file/?limit=100")),
		}[os.Getenv("WHAT")]
		o, err := load{address: at, clients: 4, count: 3000, round: r}.run(t.Context())
		fmt.Println(o.rate, median(o.took), quantile(o.took, 0.99), err)
	}
}
