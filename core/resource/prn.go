package resource

import "github.com/packhouse/packhouse/core/ident"

// PRN names an object of a model: prn:<app>.<model>:<pk>.
func PRN(model, id string) string { return ident.PRN(model, id) }
