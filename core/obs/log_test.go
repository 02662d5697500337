package obs

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
)

func TestLevelsHoldBackWhatIsBelow(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		log, err := NewLog(&out, level, "text")
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("%s wrote %d lines, want %d:\n%s", level, got, want, &out)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	var text, object bytes.Buffer
	for format, out := range map[string]*bytes.Buffer{"text": &text, "json": &object} {
		log, err := NewLog(out, "info", format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("it went well", "took", 3)
	}
	if !strings.Contains(text.String(), `msg="it went well" took=3`) {
		t.Errorf("text: %s", &text)
	}
	var record map[string]any
	if err := json.Unmarshal(object.Bytes(), &record); err != nil || record["msg"] != "it went well" || record["took"] != 3.0 {
		t.Errorf("json: %s, %v", &object, err)
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	t.Parallel()
	for setting, given := range map[string][2]string{"log.level": {"INFO", "text"}, "log.format": {"info", "xml"}} {
		_, err := NewLog(&bytes.Buffer{}, given[0], given[1])
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), setting) {
			t.Errorf("%v: %v", given, err)
		}
	}
}
