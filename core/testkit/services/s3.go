package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// startS3 starts an S3 gateway that keeps its objects as files.
func startS3(ctx context.Context, dir string) (*server, error) {
	program, err := gatewayPath()
	if err != nil {
		return nil, err
	}
	objects := filepath.Join(dir, "s3")
	if err := os.Mkdir(objects, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the S3 gateway: %w", err)
	}
	access, secret := rand.Text(), rand.Text()
	return start(ctx, dir, spec{
		name: "s3", variable: "PACKHOUSE_TEST_S3", quit: syscall.SIGTERM,
		command: func(port string) []string {
			return []string{program, "--access", access, "--secret", secret, "--port", "127.0.0.1:" + port,
				"--keep-alive", "--quiet", "posix", objects}
		},
		url:   func(port string) string { return "http://" + access + ":" + secret + "@127.0.0.1:" + port },
		ready: askS3,
	})
}

// askS3 is content with any answer over HTTP: a refusal is a sign of life too.
func askS3(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
