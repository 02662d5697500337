package resource

import (
	"bytes"
	"encoding/json"
)

// Marshal writes v as answers hold it: as json.Marshal does, but with & < > as they are, since no answer is a part of a
// page. Addresses with more than one parameter can then be taken from the text.
func Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
