package main

import (
	"context"
	"fmt"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/testkit/tables"
)

// traces are the tables in which tasks leave what they did. Nothing in them is unique, so that what is done twice shows.
const traces = `
-- What was dispatched, written together with the task. Expected is how many effects a completed one has.
CREATE TABLE chaos_wishes (
  id {{serial}},
  name {{text}} NOT NULL,
  task_id {{uuid}} NOT NULL,
  kind {{text}} NOT NULL,
  parent {{text}} NOT NULL,
  expected {{int}} NOT NULL
);

-- What a task did. Seen is the state of the task in the eyes of the very statement that wrote the row.
CREATE TABLE chaos_effects (
  id {{serial}},
  task_id {{uuid}} NOT NULL,
  step {{int}} NOT NULL,
  part {{int}} NOT NULL,
  resource {{text}} NOT NULL,
  seen {{text}} NOT NULL
);

-- When a task began and ended to use a resource; ids are times. Value is that of the counter of the resource.
CREATE TABLE chaos_marks (
  id {{serial}},
  task_id {{uuid}} NOT NULL,
  resource {{text}} NOT NULL,
  exclusive {{bool}} NOT NULL,
  edge {{text}} NOT NULL,
  value {{int}} NOT NULL,
  seen {{text}} NOT NULL
);

-- Counted up by reading, waiting and writing, so that two at a time lose counts.
CREATE TABLE chaos_counters (
  resource {{text}} PRIMARY KEY,
  value {{int}} NOT NULL
);`

// users are the users on whose behalf tasks are dispatched, resources what they reserve.
const (
	users     = 3
	resources = 8
)

// everyone is marked as shared by all tasks, so that each leaves marks; nobody reserves it.
const everyone = ""

func resourceName(n int) string { return fmt.Sprintf("chaos:r%d", n) }

// fill makes all tables of an empty database and what tasks refer to.
func fill(ctx context.Context, d *db.DB) error {
	return d.InTx(ctx, func(tx *db.Tx) error {
		if err := tables.Make(tx, traces); err != nil {
			return err
		}
		return populate(tx)
	})
}

func populate(tx *db.Tx) error {
	now := model.Now()
	for n := range users {
		err := tx.Exec("INSERT INTO core_users (id, username, password, date_joined) VALUES (?, ?, '', ?)", n+1, fmt.Sprintf("user%d", n+1), now).Error
		if err != nil {
			return err
		}
	}
	names := []string{everyone}
	for n := range resources {
		names = append(names, resourceName(n))
	}
	for _, name := range names {
		if err := tx.Exec("INSERT INTO chaos_counters (resource, value) VALUES (?, 0)", name).Error; err != nil {
			return err
		}
	}
	return addArtifacts(tx)
}

// wish, effect, mark and counter are the rows of those tables.
type (
	wish struct {
		ID       int64 `gorm:"primaryKey;autoIncrement"`
		Name     string
		TaskID   string
		Kind     string
		Parent   string
		Expected int64
	}
	effect struct {
		ID       int64
		TaskID   string
		Step     int64
		Part     int64
		Resource string
		Seen     string
	}
	mark struct {
		ID        int64
		TaskID    string
		Resource  string
		Exclusive bool
		Edge      string
		Value     int64
		Seen      string
	}
	counter struct {
		Resource string
		Value    int64
	}
)

func (wish) TableName() string    { return "chaos_wishes" }
func (effect) TableName() string  { return "chaos_effects" }
func (mark) TableName() string    { return "chaos_marks" }
func (counter) TableName() string { return "chaos_counters" }
