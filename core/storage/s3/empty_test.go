package s3

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAnEmptyBlobHasNoBody: not even the frame of a streamed signature.
func TestAnEmptyBlobHasNoBody(t *testing.T) {
	t.Parallel()
	bodies := make(chan []byte, 10)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPut {
			bodies <- body
		}
		w.Header().Set("ETag", `"x"`)
	}))
	defer service.Close()
	s, err := New(Options{Endpoint: service.URL, Bucket: "packhouse-test", Region: "us-east-1", PathStyle: true, AccessKey: "a", SecretKey: "b", SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context(), "empty"); err != nil {
		t.Fatal(err)
	}
	if body := <-bodies; len(body) != 0 {
		t.Errorf("the body of nothing has %d bytes: %q", len(body), body)
	}
}
