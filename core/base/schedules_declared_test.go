package base

import (
	"fmt"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/resource"
	"github.com/packhouse/packhouse/core/task"
)

func TestSettingsMakeSchedules(t *testing.T) {
	t.Parallel()
	if all := declaredSchedules(&resource.Env{}); len(all) != 0 {
		t.Errorf("without protection there are %v", all)
	}
	env := &resource.Env{OrphanProtection: time.Hour, UploadProtection: 30 * time.Minute, TaskProtection: 48 * time.Hour, TmpfileProtection: 24 * time.Hour}
	got := map[string]string{}
	for _, s := range declaredSchedules(env) {
		got[s.Name] = fmt.Sprintf("%s %+v", s.Every, s.Args)
		if checked, ok := s.Args.(task.ForSchedule); ok {
			if same, err := checked.Scheduled("d"); err != nil || same != s.Args {
				t.Errorf("%s: %v becomes %v, %v", s.Name, s.Args, same, err)
			}
		}
	}
	want := map[string]string{
		"clean up orphans":         "24h0m0s {Orphans:true Purge:false Minutes:60}",
		"clean up uploads":         "30m0s {Minutes:30}",
		"clean up temporary files": "24h0m0s {Minutes:1440}",
		"purge tasks":              "24h0m0s {Orphans:false Purge:true Minutes:2880}",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestArgumentsThatPeopleWrite(t *testing.T) {
	t.Parallel()
	user := int64(1)
	for name, a := range map[string]task.ForSchedule{
		"another domain": cleanOrphans{Domain: "x", Minutes: 1}, "no protection": cleanOrphans{}, "repair elsewhere": repairAll{Domain: "x"},
		"both": everywhere{Orphans: true, Purge: true, Minutes: 1}, "neither": everywhere{Minutes: 1}, "no time": cleanUploads{}, "too long": cleanTemporary{Minutes: 1 << 32},
		"a fixed time": purge{Before: time.Now(), Minutes: 1}, "in a name": purge{Minutes: 1, By: &user}, "unfinished": purge{Minutes: 1, States: []string{"running"}},
	} {
		if _, err := a.Scheduled("d"); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := (cleanOrphans{Minutes: 5}).Scheduled("d"); err != nil || got.Locks().Exclusive[0] != "pdrn:d:orphans" {
		t.Errorf("%+v, %v", got, err)
	}
}
