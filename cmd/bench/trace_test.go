package main

import "testing"

func TestWhatStraceSaw(t *testing.T) {
	t.Parallel()
	sent, written := traced([]byte(`71 sendfile(11, 12, NULL, 4194304)  = 2531328
71 sendfile(11, 12, NULL, 4194304 <unfinished ...>
72 write(1, ""..., 200)             = 200
71 <... sendfile resumed>)          = 100
71 sendfile(11, 12, NULL, 4194304)  = -1 EAGAIN (Resource temporarily unavailable)
72 writev(9, [{iov_base=""..., iov_len=3}], 1) = 3
73 +++ exited with 0 +++
`))
	if sent != 2531428 || written != 203 {
		t.Errorf("sent %v, written %v", sent, written)
	}
}
