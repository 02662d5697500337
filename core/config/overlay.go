package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// enabledPlugins says which plugins are in use, in their own order. It looks at what operators wrote before any
// overlay applies, because an overlay must not decide about itself.
func enabledPlugins(s *schema, plugins []Plugin, given []assignment) ([]string, []error) {
	known := make([]string, 0, len(plugins))
	for _, p := range plugins {
		known = append(known, p.Label)
	}
	m := newMerge(s)
	m.freeze()
	for _, a := range given {
		if a.setting.Key == "enabled_plugins" {
			m.apply([]assignment{a})
		}
	}
	l := m.leaves["enabled_plugins"]
	list, ok := l.value.([]any)
	if !ok {
		return known, nil
	}
	var faults []error
	for _, label := range list {
		if !slices.Contains(known, label.(string)) {
			faults = append(faults, faultf(l.origin(), l.setting.Key, "no plugin %q is built in (there are: %s)", label, strings.Join(known, ", ")))
		}
	}
	return slices.DeleteFunc(known, func(label string) bool { return !slices.Contains(list, any(label)) }), faults
}

// readOverlays reads the overlays of the enabled plugins.
func readOverlays(s *schema, plugins []Plugin, enabled []string) (out []assignment, faults []error) {
	for _, p := range plugins {
		if len(p.Overlay) == 0 || !slices.Contains(enabled, p.Label) {
			continue
		}
		at := Origin{Layer: LayerPlugin, Where: "plugin " + p.Label}
		var node yaml.Node
		if err := node.Encode(p.Overlay); err != nil {
			faults = append(faults, fmt.Errorf("%s: read the overlay: %w", at, err))
			continue
		}
		r := newReader(s, func(*yaml.Node) Origin { return at })
		r.owner = p.Label
		r.tree(&node, "")
		out, faults = append(out, r.out...), append(faults, r.faults...)
	}
	return out, faults
}
