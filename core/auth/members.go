package auth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// decodeExactly decodes a JSON object whose members have exactly these names. The decoder by itself takes names in any
// case, so that {"effect": "deny", "Effect": "allow"} would say one thing to its reader and do another.
func decodeExactly(raw []byte, into any, names ...string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no member %q; use %s", name, strings.Join(names, ", "))
		}
	}
	return json.Unmarshal(raw, into)
}
