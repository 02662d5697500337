package task

import (
	"encoding/json"
	"strings"
	"time"
)

// RunState is what a running task does.
type RunState struct {
	Worker string `json:"worker"`
	// LastBeat is the last sign of life of its process, Online whether that is recent enough; nil and false when the
	// process is not known any more.
	LastBeat *time.Time    `json:"last_beat"`
	Online   bool          `json:"online"`
	Reports  []ReportState `json:"reports"`
	// Progress is the report that says most, in words; empty when there is none. How long it will take is in LikelyEnd.
	Progress string `json:"progress"`
	// LastLine is the last line of its log; nil when there is none.
	LastLine *LineState `json:"last_line"`
	// CancelBy is when a cancel is forced, or was to be; nil when none was asked for.
	CancelBy *time.Time `json:"cancel_by"`
	// LikelyEnd is nil when there is nothing to tell it from.
	LikelyEnd *time.Time `json:"likely_end"`
}

// ReportState is one report of progress.
type ReportState struct {
	Message string `json:"message"`
	Code    string `json:"code"`
	State   State  `json:"state"`
	Total   *int64 `json:"total"`
	Done    int64  `json:"done"`
	// Suffix tells the rate.
	Suffix    *string    `json:"suffix"`
	ChangedAt *time.Time `json:"changed_at"`
}

// LineState is one line of a task's log.
type LineState struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
}

// Ending is how a task ended.
type Ending struct {
	FinishedAt *time.Time `json:"finished_at"`
	// Seconds is how long it ran; nil when it never began.
	Seconds *float64 `json:"seconds"`
	// Error is empty when all went well.
	Error string `json:"error"`
}

// run tells what a running task does.
func (i *inquiry) run(row *Row) (*RunState, error) {
	s := &RunState{CancelBy: row.CancelBy, Reports: []ReportState{}}
	if row.Worker != nil {
		s.Worker = *row.Worker
		if a := i.fleet.process(s.Worker); a != nil {
			s.LastBeat, s.Online = &a.LastHeartbeat, a.Online(i.now)
		}
	}
	var reports []ProgressReport
	if err := i.read.Where("task_id = ?", row.ID).Order("id").Find(&reports).Error; err != nil {
		return nil, err
	}
	for _, r := range reports {
		s.Reports = append(s.Reports, ReportState{r.Message, r.Code, r.State, r.Total, r.Done, r.Note(), r.ChangedAt})
	}
	var lines []LineState
	if err := i.read.Raw("SELECT at, level, message FROM core_task_logs WHERE task_id = ? ORDER BY id DESC LIMIT 1", row.ID).Scan(&lines).Error; err != nil {
		return nil, err
	}
	if len(lines) > 0 {
		s.LastLine = &lines[0]
	}
	s.Progress = Telling(reports).soFar()
	s.LikelyEnd = i.likelyEnd(row, Telling(reports))
	return s, nil
}

// reports gives, of each task, the report that says most about where it is.
func (i *inquiry) reports(ids []string) (map[string]*ProgressReport, error) {
	var rows []ProgressReport
	if err := i.read.Where("task_id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	byTask := map[string][]ProgressReport{}
	for _, r := range rows {
		byTask[r.TaskID] = append(byTask[r.TaskID], r)
	}
	out := map[string]*ProgressReport{}
	for id, list := range byTask {
		out[id] = Telling(list)
	}
	return out, nil
}

// Telling is the report that says most about where a task is: the last that is not done, else the last; nil of none.
func Telling(reports []ProgressReport) *ProgressReport {
	var out *ProgressReport
	for n := range reports {
		if out == nil || reports[n].State == Running || out.State != Running {
			out = &reports[n]
		}
	}
	return out
}

// Words is the report in words, such as "Downloading Artifacts: 3 of 10, 1.5/s, about 5 s left"; empty for nil.
func (r *ProgressReport) Words() string {
	if r == nil {
		return ""
	}
	return r.words(r.Note())
}

// soFar is Words without how long it will take.
func (r *ProgressReport) soFar() string {
	if r == nil {
		return ""
	}
	ended := *r
	ended.State = Completed
	return ended.Words()
}

func (r *ProgressReport) words(note *string) string {
	text := r.Message + ": " + grouped(r.Done)
	if r.Total != nil {
		text += " of " + grouped(*r.Total)
	}
	if note != nil && *note != "" {
		text += ", " + *note
	}
	return text
}

// Note is the suffix as it is shown: nothing is left to do in a report that has ended, however far it came.
func (r *ProgressReport) Note() *string {
	if r.Suffix == nil || r.State == Running {
		return r.Suffix
	}
	note := withoutLeft(*r.Suffix)
	return &note
}

// ending tells how a task ended.
func ending(row *Row) *Ending {
	e := &Ending{FinishedAt: row.FinishedAt, Error: ErrorText(row)}
	if row.StartedAt != nil && row.FinishedAt != nil {
		took := row.FinishedAt.Sub(*row.StartedAt).Seconds()
		e.Seconds = &took
	}
	return e
}

// ErrorText is what the error object of a task says, see Failure and Reason.
func ErrorText(row *Row) string {
	if len(row.Error) == 0 {
		return ""
	}
	var object struct{ Description, Reason string }
	if err := json.Unmarshal(row.Error, &object); err != nil || object.Description+object.Reason == "" {
		return string(row.Error)
	}
	return strings.TrimSpace(object.Description + object.Reason)
}
