package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/task"
)

// Ready tasks take turns, after start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Each flow, a user with
// tasks of one priority, has its own line: the turn of a task lies its weight behind the last unfinished one of its flow,
// but not before those who are about to be begun, or where none are, those who were begun last. Workers take the lowest
// turn. So however many tasks a user has in line, or has had, those of another come in between, and what weighs much is
// passed by others but never left behind.
//
// behind is SQL for what the turn of a task of a lane and flow lies behind. Each look at those who wait is at the end of an
// index, and asks for its order, or a planner that takes the tables for empty may read all that waits instead.
func behind(lane, flow string) string {
	return `(SELECT max(v.turn) FROM (
	SELECT COALESCE((SELECT c.turn - 4 FROM core_tasks c WHERE c.state = 'waiting' AND c.turn IS NOT NULL AND c.lane = ` + lane + ` ORDER BY c.lane, c.turn, c.seq LIMIT 1),
		(SELECT max(c.turn) - 4 FROM core_tasks c WHERE c.state IN ('running', 'canceling') AND c.lane = ` + lane + `), 0) AS turn
	UNION ALL SELECT (SELECT c.turn FROM core_tasks c WHERE c.state IN ('waiting', 'running', 'canceling') AND c.turn IS NOT NULL AND c.flow = ` + flow + ` AND c.lane = ` + lane + `
		ORDER BY c.flow DESC, c.lane DESC, c.turn DESC LIMIT 1)) v)`
}

// flowOf names the line that a task stands in.
func flowOf(row *task.Row) string {
	user := "system"
	if row.CreatedBy != nil {
		user = strconv.FormatInt(*row.CreatedBy, 10)
	}
	return user + ":" + strconv.FormatInt(row.Weight, 10)
}

// capsOf names the caps that count a new task. A task that wants to be run at once is over too soon to count.
func (t *Tasks) capsOf(tx *db.Tx, row *task.Row) ([]string, error) {
	if row.Immediate && !t.o.PreferDefer {
		return nil, nil
	}
	var names []string
	if row.CreatedBy != nil && t.o.Limits.PerUser > 0 {
		names = append(names, capUser+strconv.FormatInt(*row.CreatedBy, 10))
	}
	if t.o.Limits.Kinds[row.Name] > 0 {
		names = append(names, capKind+row.Name)
	}
	if row.CreatedBy != nil && len(t.o.Limits.Groups) > 0 {
		groups, err := t.groupsOf(tx, *row.CreatedBy)
		if err != nil {
			return nil, err
		}
		names = append(names, groups...)
	}
	if row.TaskGroupID != nil {
		var most int64
		if err := tx.Raw("SELECT at_most FROM core_task_groups WHERE id = ?", *row.TaskGroupID).Scan(&most).Error; err != nil {
			return nil, err
		}
		if most > 0 {
			names = append(names, capTaskGroup+*row.TaskGroupID)
		}
	}
	return names, nil
}

func capsNamed(seq int64, names []string) []task.Cap {
	var caps []task.Cap
	for _, name := range names {
		caps = append(caps, task.Cap{Cap: name, TaskSeq: seq})
	}
	return caps
}

// What the names of caps begin with.
const (
	capUser      = "user:"
	capGroup     = "group:"
	capKind      = "kind:"
	capTaskGroup = "task-group:"
)

// groupsOf names the caps of the groups of a user.
func (t *Tasks) groupsOf(tx *db.Tx, user int64) ([]string, error) {
	var capped []string
	for name, most := range t.o.Limits.Groups {
		if most > 0 {
			capped = append(capped, name)
		}
	}
	if len(capped) == 0 {
		return nil, nil
	}
	slices.Sort(capped)
	var names []string
	err := tx.Raw(`SELECT g.name FROM core_groups g JOIN core_group_users m ON m.group_id = g.id
		WHERE m.user_id = ? AND g.name IN ? ORDER BY g.name`, user, capped).Scan(&names).Error
	for i := range names {
		names[i] = capGroup + names[i]
	}
	return names, err
}

// most is how many tasks a cap lets run side by side; a condition that is always true when it has been lifted since.
func (t *Tasks) most(tx *db.Tx, name string) (int64, error) {
	limits := t.o.Limits
	for prefix, of := range map[string]func(rest string) int{
		capUser:  func(string) int { return limits.PerUser },
		capGroup: func(rest string) int { return limits.Groups[rest] },
		capKind:  func(rest string) int { return limits.Kinds[rest] },
	} {
		if rest, is := strings.CutPrefix(name, prefix); is {
			return int64(of(rest)), nil
		}
	}
	rest, _ := strings.CutPrefix(name, capTaskGroup)
	var most int64
	err := tx.Raw("SELECT at_most FROM core_task_groups WHERE id = ?", rest).Scan(&most).Error
	return most, err
}

// admit makes a waiting task ready if it may start, and gives its row then, else nil. The keys of its resources and caps
// must be locked. A task whose resources are free holds them from now on, also while a cap keeps it back: whoever
// wants them was dispatched later.
func (t *Tasks) admit(tx *db.Tx, seq int64, caps []task.Cap) (*task.Row, error) {
	own := slices.DeleteFunc(slices.Clone(caps), func(c task.Cap) bool { return c.TaskSeq != seq })
	full, err := t.full(tx, own)
	if err != nil {
		return nil, err
	}
	row, err := unblock(tx, seq, full)
	if err != nil || row == nil {
		return nil, err
	}
	if err := tx.Exec("UPDATE core_task_locks SET held = TRUE WHERE task_seq = ? AND NOT held", seq).Error; err != nil {
		return nil, err
	}
	stage := task.Admitted
	if full {
		stage = task.Parked
	}
	if len(own) > 0 {
		if err := tx.Exec("UPDATE core_task_caps SET stage = ? WHERE task_seq = ?", stage, seq).Error; err != nil {
			return nil, err
		}
	}
	if full {
		return nil, nil
	}
	return row, nil
}

// unblock notes that the resources of a waiting task are free, if they are, and gives it a turn unless a cap is full. It
// gives nil when nothing has changed.
func unblock(tx *db.Tx, seq int64, full bool) (*task.Row, error) {
	const free = "NOT EXISTS (SELECT 1 FROM core_task_locks m WHERE m.task_seq = core_tasks.seq AND " + task.Blocking + ")"
	now := model.Now()
	change, may, args := "", "unblocked_at IS NULL AND "+free, []any{now, now}
	if !full {
		change, may, args = ", sent_at = ?, turn = weight + "+behind("core_tasks.lane", "core_tasks.flow"), "(unblocked_at IS NOT NULL OR "+free+")", append(args, now)
	}
	var rows []task.Row
	err := tx.Raw("UPDATE core_tasks SET unblocked_at = COALESCE(unblocked_at, ?), pulp_last_updated = ?"+change+
		" WHERE seq = ? AND state = 'waiting' AND turn IS NULL AND "+may+" RETURNING *", append(args, seq)...).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// full tells whether one of the caps has no place left.
func (t *Tasks) full(tx *db.Tx, own []task.Cap) (bool, error) {
	for _, c := range own {
		most, err := t.most(tx, c.Cap)
		if err != nil {
			return false, fmt.Errorf("find the limit of the cap %s: %w", c.Cap, err)
		}
		if most <= 0 {
			continue
		}
		var taken int64
		err = tx.Raw("SELECT count(*) FROM (SELECT 1 FROM core_task_caps WHERE cap = ? AND stage = ? LIMIT ?) c", c.Cap, task.Admitted, most).Scan(&taken).Error
		if err != nil {
			return false, fmt.Errorf("count the tasks under the cap %s: %w", c.Cap, err)
		}
		if taken >= most {
			return true, nil
		}
	}
	return false, nil
}
