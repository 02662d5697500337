package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fromText reads a value as it is written in the environment or in a flag: lists as JSON or with commas. It is not
// for maps, which consist of entries.
func (set *Setting) fromText(text string) (any, error) {
	switch {
	case set.Nullable && text == "null":
		return nil, nil
	case set.kind != kindList:
		return set.kind.scalar(text)
	case strings.HasPrefix(strings.TrimSpace(text), "["):
		node, err := jsonNode(text)
		if err != nil {
			return nil, err
		}
		return set.list(node)
	}
	values := []any{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue // a trailing comma or an empty variable
		}
		value, err := set.elem.scalar(part)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// jsonNode reads JSON as a YAML node, so that one reader serves both. YAML cannot read all JSON: its escapes know no
// surrogate pairs.
func jsonNode(text string) (*yaml.Node, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	node, err := nextNode(d, 0)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return node, nil
		}
		err = errors.New("something follows the value")
	}
	return nil, fmt.Errorf("expected JSON: %w", err)
}

// maxDepth bounds nesting: settings are flat, and deep input would only exhaust the stack.
const maxDepth = 100

func nextNode(d *json.Decoder, depth int) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	switch t := token.(type) {
	case json.Delim:
		return nextCollection(d, t, depth)
	case string:
		return scalarNode("!!str", t), nil
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") {
			return scalarNode("!!float", t.String()), nil
		}
		return scalarNode("!!int", t.String()), nil
	case bool:
		return scalarNode("!!bool", fmt.Sprint(t)), nil
	}
	return scalarNode("!!null", "null"), nil
}

func nextCollection(d *json.Decoder, open json.Delim, depth int) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if open == '{' {
		node = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	for d.More() {
		child, err := nextNode(d, depth+1)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, child)
	}
	_, err := d.Token() // the closing bracket
	return node, err
}

func scalarNode(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
