package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// uploadPiece is what an upload repeats; it differs from one upload to the next.
	uploadPiece = 8 << 20
	// chunk is the size of one part of an upload in parts.
	chunk = 64 << 20
	mib   = 1 << 20
	// s3Bytes is the largest upload with an S3 storage, which here shares disk and processors with everything else.
	s3Bytes = 512 << 20
)

// measureUpload measures uploads of one big file, at once and in chunks, beside writing and hashing it on the same disk.
func measureUpload(ctx context.Context, b *bench, mode string) error {
	ways := []struct {
		what string
		send func(context.Context, *client, []byte, int64) (time.Duration, error)
	}{{"upload at once", uploadAtOnce}, {"upload in chunks of 64 MiB and commit", uploadInChunks}}
	for _, way := range ways {
		if err := b.uploading(ctx, mode, way.what, way.send); err != nil {
			return err
		}
	}
	return nil
}

// uploading measures one way on a system of its own, whose memory at its highest counts.
func (b *bench) uploading(ctx context.Context, mode, what string, send func(context.Context, *client, []byte, int64) (time.Duration, error)) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	c, size := s.client(), b.bytes
	if mode == withS3 {
		size = min(size, s3Bytes)
	}
	f := figure{Work: "upload", Mode: mode, What: fmt.Sprintf("%s, %s MiB", what, short(float64(size)/mib)), Unit: "MiB/s", PeerWhat: "write, four digests, sync"}
	if mode != withS3 {
		f.Goal = ratioAtLeast(0.7)
	}
	for range 3 {
		data := random(uploadPiece)
		theirs, err := writeBig(b.dir, data, size)
		if err != nil {
			return err
		}
		took, err := send(ctx, c, data, size)
		if err != nil {
			return err
		}
		f.Runs, f.Peer = append(f.Runs, float64(size)/mib/took.Seconds()), append(f.Peer, theirs/mib)
	}
	b.report(f)
	peak, err := s.memory("VmHWM")
	if err != nil {
		return err
	}
	b.report(figure{Work: "upload", Mode: mode, What: "memory of all processes at its highest, " + what, Unit: "MiB", Runs: []float64{peak}, Goal: below(200)})
	return nil
}

// uploadAtOnce sends the file as one multipart body.
func uploadAtOnce(ctx context.Context, c *client, data []byte, size int64) (time.Duration, error) {
	begin := time.Now()
	err := c.sendFile(ctx, http.MethodPost, api+"artifacts/", nil, data, size)
	return time.Since(begin), err
}

// sendFile sends a multipart body whose one part is a file made of data again and again. The body goes out in large
// pieces, without being made in memory first.
func (c *client) sendFile(ctx context.Context, method, path string, header http.Header, data []byte, size int64) error {
	body := io.MultiReader(strings.NewReader(fileHead()), &repeated{data: data, left: size}, strings.NewReader(fileTail()))
	request, err := http.NewRequestWithContext(ctx, method, "http://"+c.at+path, io.NopCloser(body))
	if err != nil {
		return err
	}
	request.ContentLength = int64(len(fileHead())) + size + int64(len(fileTail()))
	request.SetBasicAuth(user, password)
	request.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = answer.Body.Close() }() // what matters of it is read
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 500)) // only for the message
		return fmt.Errorf("%s %s: %s %s", method, path, answer.Status, text)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// repeated reads data again and again. The first eight bytes of each round hold its number, so no two rounds are alike.
type repeated struct {
	data  []byte
	at    int
	round uint64
	left  int64
}

// Read gives the next bytes.
func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if r.at == 0 {
		binary.LittleEndian.PutUint64(r.data, r.round)
		r.round++
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.data[r.at:])
	r.at, r.left = (r.at+n)%len(r.data), r.left-int64(n)
	return n, nil
}

// uploadInChunks sends the file in parts and has them made one. The digest that a client must know is not in the time.
func uploadInChunks(ctx context.Context, c *client, data []byte, size int64) (time.Duration, error) {
	digest := digestOfChunks(data, size)
	begin := time.Now()
	var upload struct {
		Href string `json:"pulp_href"`
	}
	if err := c.json(ctx, http.MethodPost, api+"uploads/", map[string]any{"size": size}, &upload); err != nil {
		return 0, err
	}
	for at := int64(0); at < size; at += chunk {
		n := min(chunk, size-at)
		header := http.Header{"Content-Range": {fmt.Sprintf("bytes %d-%d/%d", at, at+n-1, size)}}
		if err := c.sendFile(ctx, http.MethodPut, upload.Href, header, data, n); err != nil {
			return 0, err
		}
	}
	_, err := c.task(ctx, http.MethodPost, upload.Href+"commit/", map[string]any{"sha256": digest})
	return time.Since(begin), err
}

// digestOfChunks is the SHA-256 of what uploadInChunks sends.
func digestOfChunks(data []byte, size int64) string {
	h := sha256.New()
	for at := int64(0); at < size; at += chunk {
		_, _ = io.Copy(h, &repeated{data: data, left: min(chunk, size-at)}) // neither side fails
	}
	return hex.EncodeToString(h.Sum(nil))
}
