package fetch

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/packhouse/packhouse/core/artifact"
	"github.com/packhouse/packhouse/core/remote"
)

// errFolder is an upstream that sends to a folder who asks for a file.
var errFolder = errors.New("the upstream has a folder there")

// absent tells whether an upstream has no such file.
func absent(err error) bool { return errors.Is(err, errFolder) || remote.NotThere(err) }

// mostTold bounds what of an upstream's headers is kept, in bytes.
const mostTold = 500

// validators are what an upstream calls the file that it sends, to ask for it again.
type validators struct{ etag, modified *string }

func validatorsOf(h http.Header) validators {
	return validators{etag: short(h.Get("ETag")), modified: short(h.Get("Last-Modified"))}
}

func short(text string) *string {
	if text == "" || len(text) > mostTold || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil
	}
	return &text
}

// told is the digest of the file that an upstream gives with it: Repr-Digest or Content-Digest (RFC 9530), which are the
// same where nothing is compressed and nothing is left out, or the header of repository managers. What cannot be read is
// no digest.
func told(h http.Header) artifact.Digests {
	for _, name := range []string{"Repr-Digest", "Content-Digest"} {
		for _, line := range h.Values(name) {
			for member := range strings.SplitSeq(line, ",") {
				text, ok := strings.CutPrefix(strings.TrimSpace(member), "sha-256=:")
				if text, closed := strings.CutSuffix(text, ":"); ok && closed {
					if sum, err := base64.StdEncoding.DecodeString(text); err == nil && len(sum) == 32 {
						return artifact.Digests{artifact.SHA256: hex.EncodeToString(sum)}
					}
				}
			}
		}
	}
	if sum, err := hex.DecodeString(strings.TrimSpace(h.Get("X-Checksum-Sha256"))); err == nil && len(sum) == 32 {
		return artifact.Digests{artifact.SHA256: hex.EncodeToString(sum)}
	}
	return artifact.Digests{}
}

// bounded is a body that may not be longer than so many bytes.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &wrong{"it is larger than pull_through.max_size allows"}
	}
	return n, err
}

func tooLarge(most int64) error {
	return &wrong{fmt.Sprintf("it is larger than the %d bytes that pull_through.max_size allows", most)}
}
