package node

import (
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/packhouse/packhouse/core/listen"
)

// TestWhereAProcessIs: what is ready tells its addresses, and a worker, which has none, no empty one.
func TestWhereAProcessIs(t *testing.T) {
	t.Parallel()
	at := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	one, two := at(), at()
	bounds := func(l net.Listener) *listen.Listener {
		return listen.New(l, listen.Options{Log: slog.New(slog.DiscardHandler)})
	}
	for want, n := range map[string]*Node{
		"[mode worker]": {o: Options{Mode: Worker}},
		fmt.Sprintf("[mode worker metrics http://%s/metrics]", two.Addr()):                        {o: Options{Mode: Worker}, metricsListener: two},
		fmt.Sprintf("[mode api url http://%s]", one.Addr()):                                       {o: Options{Mode: API}, listener: bounds(one)},
		fmt.Sprintf("[mode api url http://%s metrics http://%s/metrics]", one.Addr(), two.Addr()): {o: Options{Mode: API}, listener: bounds(one), metricsListener: two},
	} {
		if got := fmt.Sprint(n.where()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
