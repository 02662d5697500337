package base

import (
	"maps"
	"time"

	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// groupReport is a report of a group as it is shown; rate and estimated_end are beyond the contract.
type groupReport struct {
	Message      string              `json:"message"`
	Code         string              `json:"code"`
	Total        *int64              `json:"total"`
	Done         int64               `json:"done"`
	Suffix       *string             `json:"suffix"`
	Rate         *float64            `json:"rate"`
	EstimatedEnd *resource.Timestamp `json:"estimated_end"`
}

// report is a report of a task as it is shown.
type report struct {
	groupReport
	State string `json:"state"`
}

func groupReportSchema() resource.Schema { return reportsOf(reportMembers()) }

func reportSchema() resource.Schema {
	members := maps.Clone(reportMembers())
	members["state"] = resource.String()
	return reportsOf(members)
}

func reportsOf(members map[string]resource.Schema) resource.Schema {
	return resource.Schema{"type": "array", "items": resource.Schema{"type": "object", "properties": members}}
}

func reportMembers() map[string]resource.Schema {
	text, whole := resource.String(), resource.Schema{"type": "integer"}
	return map[string]resource.Schema{"message": text, "code": text, "total": whole.OrNull(), "done": whole, "suffix": text.OrNull(),
		"rate": resource.Schema{"type": "number"}.OrNull(), "estimated_end": resource.Schema{"type": "string", "format": "date-time"}.OrNull()}
}

func showReports(s *resource.Show, t *taskRow) {
	list := []report{}
	for _, r := range t.reports {
		list = append(list, shownReport(r))
	}
	s.Value(list)
}

func shownReport(r task.ProgressReport) report {
	return report{groupReport{r.Message, r.Code, r.Total, r.Done, r.Note(), r.Rate(), stamp(r.EstimatedEnd())}, string(r.State)}
}

func showGroupReports(s *resource.Show, g *groupRow) {
	list := []groupReport{}
	for _, r := range g.reports {
		list = append(list, groupReport{r.Message, r.Code, r.Total, r.Done, r.Suffix, r.Rate(), stamp(r.EstimatedEnd())})
	}
	s.Value(list)
}

func stamp(t *time.Time) *resource.Timestamp {
	if t == nil {
		return nil
	}
	s := resource.Timestamp(*t)
	return &s
}
