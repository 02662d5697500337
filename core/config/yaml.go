package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFile reads one YAML file.
func readFile(s *schema, path string) ([]assignment, []error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("read settings: %w", err)}
	}
	given, faults := readYAML(s, path, data)
	return given, append(faults, checkReadable(path, given)...)
}

// readYAML reads the text of a file. The path is only for messages.
func readYAML(s *schema, path string, data []byte) ([]assignment, []error) {
	whole := Origin{Layer: LayerFile, Where: path}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := d.Decode(&doc); err == io.EOF {
		return nil, nil // empty, or comments only
	} else if err != nil {
		return nil, []error{faultf(whole, "", "%s", syntax(err))}
	}
	if err := d.Decode(new(yaml.Node)); err != io.EOF {
		return nil, []error{faultf(whole, "", "holds more than one document; remove what follows the line ---")}
	}
	r := newReader(s, func(n *yaml.Node) Origin {
		return Origin{Layer: LayerFile, Where: fmt.Sprintf("%s:%d", path, n.Line)}
	})
	switch root := doc.Content[0]; {
	case root.Kind == yaml.MappingNode:
		r.tree(root, "")
	case !isNull(root):
		r.fault(root, "", "expected lines of the form \"setting: value\", not %s", describe(root))
	}
	return r.out, r.faults
}

// syntax words an error of the parser. One of them quotes what it stumbled over, which may be a password.
func syntax(err error) string {
	if strings.Contains(err.Error(), "unknown anchor") {
		return "a value that begins with * must stand in quotes"
	}
	return err.Error()
}

// checkReadable reports a file that holds a secret and that everybody on the host may read.
func checkReadable(path string, given []assignment) []error {
	info, err := os.Stat(path)
	if err != nil {
		return []error{fmt.Errorf("read the permissions of the settings: %w", err)}
	}
	if info.Mode().Perm()&0o004 == 0 {
		return nil
	}
	for _, a := range given {
		if a.hidden() {
			return []error{faultf(a.origin, a.setting.Key, "is secret, but everybody may read the file; run: chmod o-r %s", path)}
		}
	}
	return nil
}

// hidden tells whether the assignment holds something that only the operator may see.
func (a assignment) hidden() bool {
	switch secret, ok := a.value.(Secret); {
	case a.setting.elem == kindInstance:
		return isSecret(a.value)
	case !a.setting.Secret || a.value == nil:
		return false
	case ok && a.setting.url:
		return secret.sensitive()
	case ok:
		return !secret.Empty()
	}
	return true // a list or an entry of a map that is secret as a whole
}
