package config

// The layers, lowest first.
const (
	LayerDefault     = "default"
	LayerPlugin      = "plugin"
	LayerFile        = "file"
	LayerEnvironment = "environment"
	LayerFlag        = "flag"
)

// Origin is where a value was written.
type Origin struct {
	// Layer is one of the Layer constants.
	Layer string `json:"layer"`
	// Where is "path:line", the name of a variable, "--flag" or "plugin label". For a default it is empty, or says
	// what the value follows from.
	Where string `json:"where,omitempty"`
}

// String gives the place, or "default".
func (o Origin) String() string {
	if o.Where == "" {
		return o.Layer
	}
	if o.Layer == LayerDefault {
		return o.Layer + " (" + o.Where + ")"
	}
	return o.Where
}

// Op is what a layer did to a value.
type Op string

// The operations: a plain key sets, "key+" appends what is new, "key-" removes, "key!" replaces a whole map, and
// null resets a setting that cannot be null.
const (
	Set     Op = "set"
	Append  Op = "append"
	Remove  Op = "remove"
	Replace Op = "replace"
	Reset   Op = "reset"
)

// assignment is one thing that one layer says about one setting, or about one entry of a map.
type assignment struct {
	setting *Setting
	entry   []string // path inside a map; empty for all else
	op      Op
	value   any
	origin  Origin
}

// id is the place of the assignment in the merge.
func (a assignment) id() string { return leafID(a.setting, a.entry) }
