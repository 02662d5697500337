package listen

import (
	"fmt"
	"io"
	"net"
	"time"
)

// refusal is an answer without a look at the request.
type refusal struct{ status, text string }

// again is after how many seconds a refused client may try again.
const again = 5

func tooManyAll() refusal {
	return refusal{"503 Service Unavailable", "all connections of this server are taken; try again in a few seconds\n"}
}

func tooManyClient() refusal {
	return refusal{"429 Too Many Requests", "your address has all the connections that one may have here; close some or try again later\n"}
}

// bytes is the whole answer.
func (r refusal) bytes() string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: %d\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", r.status, again, len(r.text), r.text)
}

// refuse answers a connection and closes it. Many at a time are only closed.
func (l *Listener) refuse(c *net.TCPConn, r refusal) {
	l.complain("connections are refused: "+r.text[:len(r.text)-1], "client", c.RemoteAddr())
	told := l.aside(func() {
		_ = c.SetWriteDeadline(time.Now().Add(lastWait)) // a new connection takes so little at once
		_, _ = io.WriteString(c, r.bytes())
		_ = farewell(c)
	})
	if !told {
		_ = c.Close()
	}
}
