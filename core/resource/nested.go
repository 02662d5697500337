package resource

// Nested is a member that is an object with fields of its own, or null; in forms it is JSON text. Its faults are told
// by the names of its own members. It is taken and never shown.
func Nested[M, B any](name string, pointer func(*M) **B, fields []Field[B], check func(*B) error) Field[M] {
	f := nullable(name, requestSchema(fields, true), pointer, func(*Show, B) {}, func(in *Input, value any) (B, error) {
		var b B
		if text, ok := value.(string); ok {
			decoded, err := decodeJSON([]byte(text))
			if err != nil {
				return b, wrong("Expected a JSON object.")
			}
			value = decoded
		}
		object, ok := value.(map[string]any)
		if !ok {
			return b, wrong("Expected a dictionary of items.")
		}
		inner := *in
		inner.Form = false
		if err := decode(&inner, fields, Body{Values: object}, &b, create, false); err != nil {
			return b, err
		}
		return b, check(&b)
	})
	return f.Unstored().WriteOnly()
}
