package db

import (
	"fmt"
	"time"
)

// Time is the time at the server: on PostgreSQL that at which the transaction began.
func (t *Tx) Time() (time.Time, error) {
	if t.dialect == Postgres {
		var now time.Time
		err := t.Raw("SELECT CURRENT_TIMESTAMP").Scan(&now).Error
		return now.UTC(), err
	}
	var text string
	if err := t.Raw("SELECT " + t.dialect.Now()).Scan(&text).Error; err != nil {
		return time.Time{}, err
	}
	now, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the database: %w", err)
	}
	return now.UTC(), nil
}
