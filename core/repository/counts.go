package repository

import (
	"encoding/json"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
)

func countTypes(tx *db.Tx, repositoryID, where string, args ...any) (map[string]int64, error) {
	var rows []struct {
		PulpType string
		N        int64
	}
	err := tx.Raw(`SELECT pulp_type, count(*) AS n FROM core_repository_contents WHERE repository_id = ? AND `+where+` GROUP BY pulp_type`,
		append([]any{repositoryID}, args...)...).Scan(&rows).Error
	counts := map[string]int64{}
	for _, row := range rows {
		counts[row.PulpType] = row.N
	}
	return counts, err
}

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
