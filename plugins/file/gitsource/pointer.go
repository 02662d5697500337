package gitsource

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// pointerSize is the size in bytes that a pointer of Git LFS stays below.
const pointerSize = 1024

const version = "version https://git-lfs.github.com/spec/v1\n"

// Pointer stands in a repository for a file that is kept elsewhere.
type Pointer struct {
	// OID is the SHA-256 of the file, 64 lower-case hexadecimal digits.
	OID string
	// Size is in bytes.
	Size int64
}

// ParsePointer reads a pointer as the specification of Git LFS has it (version 1): less than 1,024 bytes, lines of key
// and value, each with a line feed, first the version and then the other keys in their order. It tells false of what
// does not start like a pointer, and an error of what does but is none, or is one that only a program of the user can
// resolve (an extension).
func ParsePointer(data []byte) (p Pointer, is bool, err error) {
	if len(data) >= pointerSize || !strings.HasPrefix(string(data), version) {
		return p, false, nil
	}
	lines, ok := strings.CutSuffix(string(data[len(version):]), "\n")
	if !ok {
		return p, false, errors.New("it does not end with a line feed")
	}
	values := map[string]string{}
	before := ""
	for line := range strings.SplitSeq(lines, "\n") {
		key, value, found := strings.Cut(line, " ")
		switch {
		case !found || value == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "":
			return p, false, fmt.Errorf("the line %q is not a key and a value", line)
		case strings.HasPrefix(key, "ext-"):
			return p, false, fmt.Errorf("it needs the extension %q, which only a client with that program can apply", key)
		case key <= before:
			return p, false, fmt.Errorf("the key %q is not in its place", key)
		}
		values[key], before = value, key
	}
	oid, sha256 := strings.CutPrefix(values["oid"], "sha256:")
	if !sha256 || len(oid) != 64 || strings.Trim(oid, "0123456789abcdef") != "" {
		return p, false, fmt.Errorf("its oid %q is no SHA-256", values["oid"])
	}
	size, err := strconv.ParseInt(values["size"], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != values["size"] {
		return p, false, fmt.Errorf("its size %q is no number of bytes", values["size"])
	}
	return Pointer{OID: oid, Size: size}, true, nil
}

// String writes the pointer as it stands in a repository.
func (p Pointer) String() string {
	return fmt.Sprintf("%soid sha256:%s\nsize %d\n", version, p.OID, p.Size)
}

var _ fmt.Stringer = Pointer{}
