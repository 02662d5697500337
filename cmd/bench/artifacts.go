package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

const (
	uploaders = 4
	smallFile = 1024
)

// measureArtifacts measures uploads of small artifacts beside writing files of the same size as safely.
func measureArtifacts(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	f := figure{Work: "artifacts", Mode: mode, What: "artifacts of 1 KiB, 4 clients", Unit: "/s", PeerWhat: "4 goroutines that hash, write, sync, rename, sync"}
	if mode != withS3 {
		f.Goal = atLeast(1000)
	}
	count := b.enough(4000)
	for range b.runs() {
		ours, err := load{address: s.apiAt, clients: uploaders, count: count, round: func(_ context.Context, w *wire, _ int) error {
			return expect(w, formRequest(s.apiAt, api+"artifacts/", random(smallFile)), 201)
		}}.run(ctx)
		if err != nil {
			return err
		}
		theirs, err := b.smallPeer(ctx, count)
		if err != nil {
			return err
		}
		f.Runs, f.Peer = append(f.Runs, ours.rate), append(f.Peer, theirs)
	}
	b.report(f)
	return nil
}

func (b *bench) smallPeer(ctx context.Context, count int) (float64, error) {
	dir, err := b.folderFor("small")
	if err != nil {
		return 0, err
	}
	return writeSmall(ctx, dir, uploaders, count, smallFile)
}

// enough is a count, smaller in a quick run.
func (b *bench) enough(count int) int {
	if b.quick {
		return count / 10
	}
	return count
}

func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	return data
}

// measureContents measures uploads of small units of content, each from the request to the end of its task.
func measureContents(ctx context.Context, b *bench, mode string) error {
	s, err := b.start(ctx, mode)
	if err != nil {
		return err
	}
	defer s.stopAndSay()
	f := figure{Work: "contents", Mode: mode, What: "file contents of 1 KiB by task, 4 clients", Unit: "/s", PeerWhat: "4 goroutines that hash, write, sync, rename, sync", Goal: atLeast(300)}
	count := b.enough(2000)
	var half []float64
	for range b.runs() {
		ours, err := load{address: s.apiAt, clients: uploaders, count: count, round: func(ctx context.Context, w *wire, _ int) error {
			path := fmt.Sprintf("u%d", b.number())
			return uploadUnit(ctx, w, s.apiAt, random(smallFile), path)
		}}.run(ctx)
		if err != nil {
			return err
		}
		theirs, err := b.smallPeer(ctx, count)
		if err != nil {
			return err
		}
		f.Runs, f.Peer, half = append(f.Runs, ours.rate), append(f.Peer, theirs), append(half, median(ours.took))
	}
	f.Notes = fmt.Sprintf("p50 %s ms", short(median(half)))
	b.report(f)
	return nil
}

// uploadUnit sends a file and waits for the task that makes a unit of it.
func uploadUnit(ctx context.Context, w *wire, host string, data []byte, path string, more ...[2]string) error {
	fields := append([][2]string{{"relative_path", path}}, more...)
	if err := expect(w, formRequest(host, api+"content/file/files/", data, fields...), 202); err != nil {
		return err
	}
	var accepted struct {
		Task string `json:"task"`
	}
	if err := json.Unmarshal(w.body, &accepted); err != nil {
		return err
	}
	look := getRequest(host, accepted.Task+"?fields=state,error")
	for every := time.Millisecond; ; every = min(every*6/5, 50*time.Millisecond) {
		if err := expect(w, look, 200); err != nil {
			return err
		}
		var t taskView
		if err := json.Unmarshal(w.body, &t); err != nil {
			return err
		}
		switch t.State {
		case "completed":
			return nil
		case "waiting", "running":
		default:
			return fmt.Errorf("task %s is %s: %s", accepted.Task, t.State, t.Error)
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}
