package audit

import (
	"context"
	"encoding/json"
	"fmt"
)

// MaxPage is the most entries that one call of After gives.
const MaxPage = 10000

// After gives sealed entries behind a position, in the order of the chain, at most limit of them (1 to MaxPage).
func (l *Log) After(ctx context.Context, position int64, limit int) (rows []Entry, err error) {
	limit = max(1, min(limit, MaxPage))
	err = l.o.DB.Read(ctx).Omit("proof").Where("position > ?", position).Order("position").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return rows, nil
}

// Latest gives the newest entries, the newest first; those that wait to be sealed stand before all others.
func (l *Log) Latest(ctx context.Context, limit int) (rows []Entry, err error) {
	limit = max(1, min(limit, MaxPage))
	query := l.o.DB.Read(ctx)
	if err := query.Omit("proof").Where("position IS NULL").Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	var sealed []Entry
	if left := limit - len(rows); left > 0 {
		if err := query.Omit("proof").Where("position IS NOT NULL").Order("position DESC").Limit(left).Find(&sealed).Error; err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
	}
	return append(rows, sealed...), nil
}

// Lines writes entries as JSON, one a line. The members are those of Entry, times with six digits, so that a reader can
// compute the hashes; see Entry.Chain.
func Lines(entries []Entry) []byte {
	var text []byte
	for i := range entries {
		line, err := json.Marshal(struct {
			*Entry
			At string `json:"at"`
		}{&entries[i], entries[i].At.UTC().Format(timeForm)})
		if err != nil {
			panic("an entry of the audit log cannot be written as JSON: " + err.Error())
		}
		text = append(append(text, line...), '\n')
	}
	return text
}
