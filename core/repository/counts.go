package repository

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/model"
)

// sum adds factor times from to into. Types without units are absent.
func sum(into, from map[string]int64, factor int64) {
	for name, n := range from {
		if into[name] += factor * n; into[name] == 0 {
			delete(into, name)
		}
	}
}

func countsJSON(c model.Counts) model.JSON {
	for _, m := range []*map[string]int64{&c.Added, &c.Removed, &c.Present} {
		if *m == nil {
			*m = map[string]int64{}
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("counts cannot be written as JSON: " + err.Error())
	}
	return text
}
