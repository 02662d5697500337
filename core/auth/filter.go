package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/packhouse/packhouse/core/errs"
)

// filterTime bounds one run of a filter.
const filterTime = time.Second

// Filter is a jq filter over headers that hold base64 of JSON. It is safe for concurrent use.
type Filter struct{ code *gojq.Code }

// ParseFilter reads a jq filter. It can look at its input only: not at the environment, files or modules.
func ParseFilter(text string) (*Filter, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, errs.New(errs.Invalid, "%q is not a jq filter; write it like .identity.user.username: %w", text, err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, errs.New(errs.Invalid, "%q cannot be used as a jq filter: %w", text, err)
	}
	return &Filter{code}, nil
}

// First gives the first value that the filter selects from a header, nil when it selects none or null. A header that
// cannot be read, and a filter that fails on it or takes longer than a second, are Invalid errors.
func (f *Filter) First(ctx context.Context, header string) (any, error) {
	input, err := decodeHeader(header)
	if err != nil {
		return nil, errs.New(errs.Invalid, "The header is not base64 of JSON: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, filterTime)
	defer cancel()
	value, _ := f.code.RunWithContext(ctx, input).Next()
	if failed, ok := value.(error); ok {
		if halt, ok := errors.AsType[*gojq.HaltError](failed); ok && halt.Value() == nil {
			return nil, nil
		}
		return nil, errs.New(errs.Invalid, "The filter fails on the header: %w", failed)
	}
	return value, nil
}

// Name is First for a filter that selects a name: anything but a text that is not empty is Unauthenticated.
func (f *Filter) Name(ctx context.Context, header string) (string, error) {
	value, err := f.First(ctx, header)
	if err != nil {
		return "", errs.New(errs.Unauthenticated, "The header with the user cannot be read: %w", err)
	}
	if name, ok := value.(string); ok && name != "" {
		return name, nil
	}
	return "", errs.New(errs.Unauthenticated, "The header with the user names nobody; check the filter authentication.json_header_jq_filter.")
}

// decodeHeader takes base64 with and without padding, in both alphabets.
func decodeHeader(header string) (any, error) {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(header), "="))
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, errors.New("what is inside is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one JSON value inside")
	}
	return value, nil
}
