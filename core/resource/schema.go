package resource

import "maps"

// Schema is a JSON Schema as OpenAPI 3.1 writes it.
type Schema map[string]any

func stringSchema() Schema { return Schema{"type": "string"} }

func formatSchema(format string) Schema { return Schema{"type": "string", "format": format} }

func integerSchema() Schema { return Schema{"type": "integer", "format": "int64"} }

func booleanSchema() Schema { return Schema{"type": "boolean"} }

func arraySchema(items Schema) Schema { return Schema{"type": "array", "items": items} }

// URI is the schema of an href.
func URI() Schema { return formatSchema("uri") }

// URIs is the schema of a list of hrefs.
func URIs() Schema { return arraySchema(URI()) }

// String is the schema of a string.
func String() Schema { return stringSchema() }

// Strings is the schema of a list of strings.
func Strings() Schema { return arraySchema(stringSchema()) }

// Moment is the schema of a time.
func Moment() Schema { return formatSchema("date-time") }

// Ref is the schema that stands under a component's name.
func Ref(component string) Schema { return Schema{"$ref": "#/components/schemas/" + component} }

func (s Schema) with(key string, value any) Schema {
	s = maps.Clone(s)
	s[key] = value
	return s
}

// unbounded is the schema without what limits a value: a client must not refuse what the server tells.
func (s Schema) unbounded() Schema {
	return s.without("minLength", "maxLength", "minimum", "maximum", "pattern")
}

func (s Schema) without(keys ...string) Schema {
	s = maps.Clone(s)
	for _, key := range keys {
		delete(s, key)
	}
	return s
}

// OrNull is the schema that also takes null.
func (s Schema) OrNull() Schema {
	kind, ok := s["type"].(string)
	if !ok {
		return s
	}
	return s.with("type", []string{kind, "null"})
}
