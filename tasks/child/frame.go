package child

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/packhouse/packhouse/core/errs"
)

// maxFrame is the largest frame, in bytes.
const maxFrame = 8 << 20

// writeFrame writes one value. What is too large for a frame is errs.TooLarge, and nothing is written.
func writeFrame(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write a message between a task and its process as JSON: %w", err)
	}
	if len(text) > maxFrame {
		return errs.New(errs.TooLarge, "a message between a task and its process has %d bytes, more than %d", len(text), maxFrame)
	}
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("write a message between a task and its process: %w", err)
	}
	return nil
}

// readFrame reads one value. It is io.EOF when there is none.
func readFrame(r io.Reader, value any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > maxFrame {
		return errs.New(errs.Internal, "a message between a task and its process announces %d bytes, more than %d", length, maxFrame)
	}
	// Read by and by: what is only announced takes no memory.
	text, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err == nil && len(text) < int(length) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read a message between a task and its process: %w", err)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return errs.New(errs.Internal, "read a message between a task and its process: %w", err)
	}
	return nil
}
