package tasks

import (
	"fmt"
	"slices"

	"github.com/packhouse/packhouse/core/db"
	"github.com/packhouse/packhouse/core/task"
)

// spareExamined is how many more parked tasks are examined than places have become free: somebody may be admitted by
// another process meanwhile.
const spareExamined = 4

// parked gives the numbers of those that wait for a place under one of the caps, about as many of each as were freed.
func (t *Tasks) parked(tx *db.Tx, freed []task.Cap) ([]int64, error) {
	places := map[string]int{}
	for _, c := range freed {
		places[c.Cap]++
	}
	var seqs []int64
	for _, c := range freed {
		n := places[c.Cap]
		if delete(places, c.Cap); n == 0 {
			continue
		}
		next, err := t.parkedUnder(tx, c.Cap, n+spareExamined)
		if err != nil {
			return nil, fmt.Errorf("find who waits for the cap %s: %w", c.Cap, err)
		}
		seqs = append(seqs, next...)
	}
	return seqs, nil
}

// parkedUnder gives the first n that wait under a cap and are not kept back by another one that is full too.
func (t *Tasks) parkedUnder(tx *db.Tx, name string, n int) (seqs []int64, err error) {
	known, full := []string{name}, []string{""}
	for {
		err := tx.Raw(`SELECT c.task_seq FROM core_task_caps c WHERE c.cap = ? AND c.stage = ?
			AND NOT EXISTS (SELECT 1 FROM core_task_caps o WHERE o.task_seq = c.task_seq AND o.cap IN ?) ORDER BY c.task_seq LIMIT ?`,
			name, task.Parked, full, n).Scan(&seqs).Error
		if err != nil || len(seqs) == 0 {
			return nil, err
		}
		var others []string
		err = tx.Raw("SELECT DISTINCT cap FROM core_task_caps WHERE task_seq IN ? AND cap NOT IN ? ORDER BY cap", seqs, known).Scan(&others).Error
		if err != nil {
			return nil, err
		}
		before := len(full)
		for _, other := range others {
			none, err := t.full(tx, []task.Cap{{Cap: other}})
			if err != nil {
				return nil, err
			}
			if known = append(known, other); none {
				full = append(full, other)
			}
		}
		if len(full) == before || len(full) > mostFull {
			return seqs, nil
		}
	}
}

// mostFull bounds the full caps that are looked around in one search. Whoever waits behind more is found by the sweeper,
// when one of them has a place.
const mostFull = 50

// roomy gives, for a sweep, those that caps keep back although these have places, or are limits no more.
func (t *Tasks) roomy(tx *db.Tx) (seqs []int64, err error) {
	var caps []string
	if err := tx.Raw("SELECT DISTINCT cap FROM core_task_caps WHERE stage = ? ORDER BY cap", task.Parked).Scan(&caps).Error; err != nil {
		return nil, err
	}
	for _, name := range caps {
		full, err := t.full(tx, []task.Cap{{Cap: name}})
		if err != nil {
			return nil, err
		}
		if full {
			continue
		}
		next, err := t.parkedUnder(tx, name, parkedInASweep)
		if err != nil {
			return nil, err
		}
		seqs = append(seqs, next...)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs), nil
}

// parkedInASweep is how many parked tasks under one cap a sweep examines. Places that stay free are left to the next.
const parkedInASweep = 100
