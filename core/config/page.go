package config

import (
	"fmt"
	"strings"
)

// Page gives the page of the manual that lists settings.
func Page(settings []Setting) string {
	var b strings.Builder
	b.WriteString(`# Settings

<!-- Written by the tests of core/config from the Settings struct: UPDATE=1 go test ./core/config -run TestSettingsPage -->

Settings are read in layers, each over the one before: the defaults below, defaults of plugins, files, environment, flags.

| layer | where |
|---|---|
| files | those of ` + "`--config`, else the one of `PACKHOUSE_CONFIG`, else `" + SystemFile + "`" + `; then ` + "`conf.d/*.yaml` and `local.yaml`" + ` beside it |
| environment | the variable of the table, or the same with ` + "`_FILE`" + ` behind it for a file that holds the value; ` + "`PACKHOUSE_DATA`" + ` is short for ` + "`PACKHOUSE_DATA_DIR`" + ` |
| flags | ` + "`--data`, `--listen`, `--set key=value`" + ` |

Maps merge, lists and single values replace. In files ` + "`key+:` appends to a list what is new, `key-:` removes from a list or map, `key!:`" + `
replaces a whole map, and null goes back to the default, unless null is a value of the setting.
In the environment a list is JSON or has commas, a map is JSON. An unknown name or a value of the wrong type stops the start; all faults are
reported together. ` + "`packhouse config show --origin`" + ` tells where each value comes from. Relative paths start from the working folder.
A file that holds a secret must not be readable by everybody.

A list of instances is an ordered list of named plugins, each ` + "`{name, type, parameters}`" + `; in the environment it is JSON, ` + "`key+:`" + ` appends and
` + "`key-: [name]`" + ` removes by name. A parameter may be ` + "`{file: /path}` or `{env: NAME}`" + ` in place of its value. Parameters with secret, password
or token in their name are never shown.

| setting | variable | type | default | meaning |
|---|---|---|---|---|
`)
	for _, s := range settings {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", s.Key, s.Env, s.Type, def, strings.ReplaceAll(s.Doc, "|", "\\|"))
	}
	return b.String()
}
