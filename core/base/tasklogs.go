package base

import (
	"context"
	"encoding/json"
	"strings"

	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

// maxLogPage is how many lines one answer holds at most.
const maxLogPage = 10_000

// logsAction gives what a task said: as a page in JSON, as text, or as it is said.
func logsAction() resource.Action[taskRow] {
	text, number := resource.String(), resource.Schema{"type": "integer"}
	streams := newStreams()
	return resource.Action[taskRow]{
		Verb: "logs", Method: "GET", Access: resource.Read,
		Doc: "What the task said, the oldest first; with the header Accept: text/event-stream, or follow=true, as events while it runs.",
		Params: []resource.Param{
			{Name: "after", In: "query", Schema: number}, {Name: "limit", In: "query", Schema: number}, {Name: "level", In: "query", Schema: resource.Schema{"type": "string", "enum": task.LogLevels()}},
			{Name: "format", In: "query", Schema: resource.Schema{"type": "string", "enum": []string{"json", "text"}}},
			{Name: "follow", In: "query", Schema: resource.Schema{"type": "boolean"}}, {Name: "Last-Event-ID", In: "header", Schema: text},
		},
		Answers:    map[int]resource.AnswerDoc{200: {Doc: "Lines of the log.", Schema: "TaskLogResponse"}},
		Components: map[string]resource.Schema{"TaskLogResponse": logSchema()},
		Handle: func(c *resource.Call, t *taskRow) (*resource.Answer, error) {
			q, err := logQueryOf(c, t)
			if err != nil {
				return nil, err
			}
			if follows(c) {
				return streams.answer(c, q)
			}
			return q.answer(c)
		},
	}
}

func logSchema() resource.Schema {
	line := resource.Schema{"type": "object", "properties": map[string]resource.Schema{
		"id": {"type": "integer"}, "time": resource.Moment(), "level": resource.String(), "message": resource.String(), "attributes": {"type": "object"}}}
	return resource.Schema{"type": "object", "properties": map[string]resource.Schema{"count": {"type": "integer"}, "results": {"type": "array", "items": line}}}
}

// logLine is a line as it is shown.
type logLine struct {
	ID         int64              `json:"id"`
	Time       resource.Timestamp `json:"time"`
	Level      string             `json:"level"`
	Message    string             `json:"message"`
	Attributes json.RawMessage    `json:"attributes"`
}

func shownLine(l *task.LogLine) logLine {
	attributes := json.RawMessage(l.Attributes)
	if len(attributes) == 0 {
		attributes = json.RawMessage("{}")
	}
	return logLine{l.ID, resource.Timestamp(l.At), l.Level, l.Message, attributes}
}

// logQuery is which lines of a task are wanted.
type logQuery struct {
	db     *db.DB
	task   string
	after  int64
	limit  int
	levels []string
	text   bool
}

// logQueryOf reads the parameters.
func logQueryOf(c *resource.Call, t *taskRow) (*logQuery, error) {
	q := &logQuery{db: c.Env.DB, task: t.base.ID, text: c.Query("format") == "text"}
	if format := c.Query("format"); format != "" && format != "json" && !q.text {
		return nil, errs.Field("format", "Choose json or text.")
	}
	if _, given := resource.Boolean(c.Query("follow")); !given && c.Query("follow") != "" {
		return nil, errs.Field("follow", "Choose true or false.")
	}
	var err error
	if q.levels, err = task.LogLevelsFrom(c.Query("level")); err != nil {
		return nil, errs.Field("level", "%s", err)
	}
	if q.after, err = wholeNumber(c, "after", 0); err != nil {
		return nil, err
	}
	standard := int64(c.Env.PageSize)
	if q.text {
		standard = maxLogPage
	}
	limit, err := wholeNumber(c, "limit", standard)
	if err == nil && (limit < 1 || limit > maxLogPage) {
		err = errs.Field("limit", "Enter a whole number from 1 to %d.", maxLogPage)
	}
	q.limit = int(limit)
	return q, err
}

func (q *logQuery) all(ctx context.Context) *gorm.DB {
	return q.db.Read(ctx).Model(&task.LogLine{}).Where("task_id = ? AND level IN ?", q.task, q.levels)
}

// lines gives the next lines.
func (q *logQuery) lines(ctx context.Context, limit int) (lines []task.LogLine, err error) {
	err = q.all(ctx).Where("id > ?", q.after).Order("id").Limit(limit).Find(&lines).Error
	return lines, err
}

func (q *logQuery) answer(c *resource.Call) (*resource.Answer, error) {
	lines, err := q.lines(c.Context(), q.limit)
	if err != nil {
		return nil, err
	}
	if q.text {
		return textAnswer(lines), nil
	}
	var page struct {
		Count   int64     `json:"count"`
		Results []logLine `json:"results"`
	}
	if err := q.all(c.Context()).Count(&page.Count).Error; err != nil {
		return nil, err
	}
	page.Results = []logLine{}
	for i := range lines {
		page.Results = append(page.Results, shownLine(&lines[i]))
	}
	body, err := resource.Marshal(page)
	return &resource.Answer{Status: 200, JSON: body}, err
}

func textAnswer(lines []task.LogLine) *resource.Answer {
	var b strings.Builder
	for i := range lines {
		b.WriteString(lines[i].Text() + "\n")
	}
	return &resource.Answer{Status: 200, Type: "text/plain; charset=utf-8", Text: []byte(b.String()), Headers: map[string]string{"X-Content-Type-Options": "nosniff"}}
}
