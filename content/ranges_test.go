package content

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnyRangeIsTheSlice draws ranges of a file that is longer than all buffers and blocks.
func TestAnyRangeIsTheSlice(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	for i := 0; text.Len() < 3*block+777; i++ {
		fmt.Fprintf(&text, "%d,", i)
	}
	whole := text.Bytes()
	for name, s := range map[string]*site{"files": start(t, nil, nil), "stream": start(t, newRemote(), nil)} {
		s.add("big", string(whole))
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			from := rapid.IntRange(0, len(whole)-1).Draw(t, "from")
			to := rapid.IntRange(from, len(whole)+100).Draw(t, "to")
			a := s.ask("GET", prefix+"big", headers{"Range": fmt.Sprintf("bytes=%d-%d", from, to)})
			if want := whole[from:min(to+1, len(whole))]; a.StatusCode != 206 || a.broken != nil || !bytes.Equal(a.body, want) {
				t.Fatalf("%d with %d bytes, want %d", a.StatusCode, len(a.body), len(want))
			}
			var asked []string
			var slices [][]byte
			at := 0
			for range rapid.IntRange(2, 5).Draw(t, "parts") {
				start := rapid.IntRange(at, at+len(whole)/6).Draw(t, "start")
				end := rapid.IntRange(start, start+len(whole)/60).Draw(t, "end")
				asked = append(asked, fmt.Sprintf("%d-%d", start, end))
				slices = append(slices, whole[start:end+1])
				at = end + 1
			}
			checkParts(t, s.ask("GET", prefix+"big", headers{"Range": "bytes=" + strings.Join(asked, ",")}), asked, slices, len(whole))
		}))
	}
}

func checkParts(t *rapid.T, a *answer, asked []string, slices [][]byte, size int) {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if a.StatusCode != 206 || kind != "multipart/byteranges" || err != nil || a.Header.Get("Content-Range") != "" || int(a.ContentLength) != len(a.body) {
		t.Fatalf("%d %q %v, %d bytes", a.StatusCode, kind, err, len(a.body))
	}
	r := multipart.NewReader(bytes.NewReader(a.body), parameters["boundary"])
	for i, want := range slices {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(p)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("part %d has %d bytes, want %d: %v", i, len(got), len(want), err)
		}
		if r := p.Header.Get("Content-Range"); r != fmt.Sprintf("bytes %s/%d", asked[i], size) || p.Header.Get("Content-Type") != octetStream {
			t.Fatalf("part %d has the headers %v", i, p.Header)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Fatalf("there is more after the last part: %v", err)
	}
}

// TestConditionsAgreeWithTheStandardLibrary draws combinations of well-formed headers.
func TestConditionsAgreeWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.add("digits.txt", digits)
	tag := etagOf(digits)
	modified := addedAt.Truncate(time.Second)
	tags := rapid.SampledFrom([]string{"", "", tag, "W/" + tag, `"x"`, `"x", ` + tag, "*"})
	later := modified.Add(time.Hour).Format(http.TimeFormat)
	dates := rapid.SampledFrom([]string{"", "", modified.Format(http.TimeFormat), modified.Add(-time.Hour).Format(http.TimeFormat), later, "never"})
	rapid.Check(t, func(t *rapid.T) {
		send := headers{
			"If-Match": tags.Draw(t, "match"), "If-None-Match": tags.Draw(t, "none"),
			// The standard library takes a later date for enough, which it is not when files go back to what they were.
			"If-Modified-Since": dates.Filter(func(date string) bool { return date != later }).Draw(t, "modified"), "If-Unmodified-Since": dates.Draw(t, "unmodified"),
			"If-Range": rapid.OneOf(tags.Filter(func(s string) bool { return s != "*" && !strings.Contains(s, ",") }), dates).Draw(t, "range if"),
			"Range":    rapid.SampledFrom([]string{"", "bytes=1-2", "bytes=-5", "bytes=90-", "bytes=3-", "bytes=0-0"}).Draw(t, "range"),
		}
		for name, value := range send {
			if value == "" {
				delete(send, name)
			}
		}
		recorder := httptest.NewRecorder()
		recorder.Header().Set("ETag", tag)
		request := httptest.NewRequest("GET", "/digits.txt", nil)
		for name, value := range send {
			request.Header.Set(name, value)
		}
		http.ServeContent(recorder, request, "digits.txt", modified, strings.NewReader(digits))
		a := s.ask("GET", prefix+"digits.txt", send)
		if a.StatusCode != recorder.Code || a.Header.Get("Content-Range") != recorder.Header().Get("Content-Range") {
			t.Fatalf("%v: %d %q, the standard library says %d %q", send, a.StatusCode, a.Header.Get("Content-Range"), recorder.Code, recorder.Header().Get("Content-Range"))
		}
		if a.StatusCode < 300 && !bytes.Equal(a.body, recorder.Body.Bytes()) {
			t.Fatalf("%v: %q, the standard library says %q", send, a.body, recorder.Body)
		}
	})
}

// FuzzRange: whatever the header, spans lie inside of the file and together are no longer than it.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-1", "bytes=-1,5-", "bytes=,,1-2", "bytes=99999999999999999999-", "x", "bytes=-0", "bytes=--1"} {
		f.Add(seed, int64(36))
		f.Add(seed, int64(0))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		spans, satisfiable := parseRange(header, size)
		total := int64(0)
		for _, s := range spans {
			if s.start < 0 || s.length <= 0 || s.start > size-s.length {
				t.Fatalf("%q of %d bytes gives %+v", header, size, s)
			}
			total += s.length
		}
		if total > size || len(spans) > maxRanges || (!satisfiable && len(spans) > 0) {
			t.Fatalf("%q of %d bytes gives %d spans of %d bytes", header, size, len(spans), total)
		}
	})
}
