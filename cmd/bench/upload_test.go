package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"
)

func TestRoundsOfAnUploadDiffer(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte{7}, 100)
	all, err := io.ReadAll(&repeated{data: data, left: 250})
	if err != nil || len(all) != 250 {
		t.Fatalf("got %d bytes, %v", len(all), err)
	}
	if bytes.Equal(all[:100], all[100:200]) {
		t.Error("two rounds are alike, so a server that stores equal pieces once would have an easy life")
	}
	if !bytes.Equal(all[8:100], all[108:200]) {
		t.Error("more than the first eight bytes of a round differ")
	}
}

func TestTheDigestOfChunksIsThatOfWhatIsSent(t *testing.T) {
	t.Parallel()
	data := random(1 << 20)
	const size = chunk + 12345
	sent := sha256.New()
	for _, n := range []int64{chunk, 12345} {
		if _, err := io.Copy(sent, &repeated{data: data, left: n}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := digestOfChunks(data, size), hex.EncodeToString(sent.Sum(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFlagsNameWorksAndModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want int // works, 0 for an error
	}{
		{nil, len(works())},
		{[]string{"-only", "upload,start"}, 2},
		{[]string{"-only", "start", "-mode", "embedded"}, 1},
		{[]string{"-only", "unknown"}, 0},
		{[]string{"-mode", "unknown"}, 0},
	} {
		o, err := readFlags(c.args)
		if err != nil {
			t.Fatal(err)
		}
		got, err := chosen(o)
		if len(got) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%v chooses %d works, %v; want %d", c.args, len(got), err, c.want)
		}
	}
}
