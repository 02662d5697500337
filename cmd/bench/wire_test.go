package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// site is a server that answers with what it was sent.
func site(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestAWireAsksAgainAndAgain(t *testing.T) {
	t.Parallel()
	var seen sync.Map
	host := site(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.RemoteAddr, true)
		if name, word, ok := r.BasicAuth(); !ok || name != user || word != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "you asked for "+r.URL.String())
	})
	w, err := dial(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, path := range []string{"/a", "/longer?x=1", "/b"} {
		status, body, err := w.ask(getRequest(host, path))
		if err != nil || status != 200 || string(body) != "you asked for "+path {
			t.Errorf("%s: got %d %q, %v", path, status, body, err)
		}
	}
	connections := 0
	seen.Range(func(any, any) bool { connections++; return true })
	if connections != 1 {
		t.Errorf("there were %d connections, want one", connections)
	}
}

func TestAWireRefusesAnAnswerWithoutLength(t *testing.T) {
	t.Parallel()
	host := site(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "b")
	})
	w, err := dial(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if status, body, err := w.ask(getRequest(host, "/")); err == nil {
		t.Errorf("got %d %q and no error", status, body)
	}
}

func TestAFormIsReadAsItWasMeant(t *testing.T) {
	t.Parallel()
	host := site(t, func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		data, err := io.ReadAll(file)
		if err != nil || string(data) != "bytes\r\nof a file" || r.FormValue("relative_path") != "a/b" {
			http.Error(w, "wrong: "+string(data)+r.FormValue("relative_path"), http.StatusBadRequest)
		}
	})
	w, err := dial(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := expect(w, formRequest(host, "/", []byte("bytes\r\nof a file"), [2]string{"relative_path", "a/b"}), 200); err != nil {
		t.Error(err)
	}
}

func TestALoadEndsByCountOrByTime(t *testing.T) {
	t.Parallel()
	host := site(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	o, err := load{address: host, clients: 3, count: 50, round: fetch(getRequest(host, "/"))}.run(t.Context())
	if err != nil || len(o.took) != 50 || o.rate <= 0 {
		t.Errorf("by count: %d rounds, %v/s, %v", len(o.took), o.rate, err)
	}
	o, err = load{address: host, clients: 3, lasting: 20 * time.Millisecond, round: fetch(getRequest(host, "/"))}.run(t.Context())
	if err != nil || len(o.took) == 0 {
		t.Errorf("by time: %d rounds, %v", len(o.took), err)
	}
}

func TestALoadStopsAtTheFirstWrongAnswer(t *testing.T) {
	t.Parallel()
	host := site(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such thing", http.StatusNotFound) })
	_, err := load{address: host, clients: 2, count: 1000, round: fetch(getRequest(host, "/"))}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v, want an error that shows the answer", err)
	}
}
