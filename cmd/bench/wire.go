package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// wire is one connection that requests, written out in full, are sent over one after the other. It does next to
// nothing, so that the load does not take the processors from what is measured.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

func dial(ctx context.Context, address string) (*wire, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect for the load: %w", err)
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// answerWithin ends the waiting for an answer that does not come.
const answerWithin = 30 * time.Second

// ask sends a request and gives status and body of the answer; the body is good until the next ask.
func (w *wire) ask(request []byte) (status int, body []byte, err error) {
	if err := w.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return 0, nil, err
	}
	if _, err := w.conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("send a request: %w", err)
	}
	status, length, err := w.head()
	if err != nil {
		return 0, nil, fmt.Errorf("read an answer: %w", err)
	}
	if cap(w.body) < length {
		w.body = make([]byte, length)
	}
	w.body = w.body[:length]
	_, err = io.ReadFull(w.in, w.body)
	return status, w.body, err
}

// head reads the status line and the length out of the header (RFC 9112 §4 to §6). What is measured always says a
// length; an answer without one is an error.
func (w *wire) head() (status, length int, err error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	length = -1
	for {
		if line, err = w.in.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, err
			}
		}
	}
	if length < 0 {
		return 0, 0, errors.New("the answer has no length")
	}
	return status, length, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// getRequest writes a GET with credentials.
func getRequest(host, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + authorization() + "\r\n")
}

func authorization() string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
}

// boundary parts the multipart bodies (RFC 2046 §5.1); nothing that is sent holds it by chance.
const boundary = "packhousebenchpackhousebench"

// formRequest writes a multipart POST with a part "file" and further parts.
func formRequest(host, path string, file []byte, fields ...[2]string) []byte {
	var body bytes.Buffer
	for _, f := range fields {
		fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, f[0], f[1])
	}
	body.WriteString(fileHead())
	body.Write(file)
	body.WriteString(fileTail())
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n",
		path, host, authorization(), boundary, body.Len())
	return append([]byte(head), body.Bytes()...)
}

func fileHead() string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: application/octet-stream\r\n\r\n"
}

func fileTail() string { return "\r\n--" + boundary + "--\r\n" }
