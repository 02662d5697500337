package db_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/packhouse/packhouse/core/db"
)

type sample struct {
	ID      string
	Count   int64
	Text    *string
	At      *time.Time
	Flag    *bool
	Bytes   []byte
	Ratio   *float64
	Data    *string
	Touched time.Time
}

const samples = `CREATE TABLE samples (
  id {{uuid}} PRIMARY KEY, count {{int}} NOT NULL, text {{text}}, at {{time}}, flag {{bool}}, bytes {{bytes}}, ratio {{float}},
  data {{json}}, touched {{time}} NOT NULL DEFAULT {{now}})`

func TestValuesRoundTrip(t *testing.T) {
	onBoth(t, samples, func(t *testing.T, d *db.DB) {
		zone := time.FixedZone("somewhere", 3*3600+1800)
		at := time.Date(2024, 2, 29, 1, 2, 3, 123456789, zone)
		old := time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC)
		for i, want := range []sample{
			{ID: uuid(1), Count: 1 << 60, Touched: old},
			{ID: uuid(2), Count: -5, Text: new("żółw\n'\""), At: &at, Flag: new(true), Bytes: []byte{0, 255, 1}, Ratio: new(0.1), Data: new(`{"a": 1}`), Touched: at},
			{ID: uuid(3), Text: new(""), Flag: new(false), Ratio: new(-1e300), Data: new("null"), Touched: at.In(time.Local)},
		} {
			must(t, d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Create(&want).Error }))
			var got sample
			must(t, d.Read(t.Context()).Take(&got, "id = ?", want.ID).Error)
			for _, at := range []*time.Time{want.At, &want.Touched} {
				if at != nil {
					*at = at.UTC().Truncate(time.Microsecond)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d: (-want +got)\n%s", i, diff)
			}
			if got.Touched.Location() != time.UTC {
				t.Errorf("%d: a time came back in %v", i, got.Touched.Location())
			}
		}
		// Truncation must not depend on the side on which a time is compared.
		var n int64
		must(t, d.Read(t.Context()).Model(&sample{}).Where("at = ?", time.Date(2024, 2, 29, 1, 2, 3, 123456999, zone)).Count(&n).Error)
		if n != 1 {
			t.Errorf("%d rows have the time, want 1", n)
		}
	})
}

func TestTimesSort(t *testing.T) {
	onBoth(t, samples, func(t *testing.T, d *db.DB) {
		base := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, offset := range []time.Duration{0, time.Microsecond, 100 * time.Millisecond, 120 * time.Millisecond, 120*time.Millisecond + time.Microsecond, time.Second, time.Hour} {
			exec(t, d, "INSERT INTO samples (id, count, touched) VALUES (?, ?, ?)", uuid(9-i), i, base.Add(offset).In(time.FixedZone("", i*3600)))
		}
		var order []int
		must(t, d.Read(t.Context()).Raw("SELECT count FROM samples ORDER BY touched").Scan(&order).Error)
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6}, order); diff != "" {
			t.Error(diff)
		}
		// The server's own time has the same form.
		exec(t, d, "INSERT INTO samples (id, count) VALUES (?, 99)", uuid(20))
		var got sample
		must(t, d.Read(t.Context()).Take(&got, "touched > ? AND touched < ?", db.Now().Add(-time.Hour), db.Now().Add(time.Hour)).Error)
		if got.Count != 99 || got.Touched.Location() != time.UTC {
			t.Errorf("got %+v", got)
		}
	})
}

const words = "CREATE TABLE words (id {{serial}}, word {{text}});\nCREATE INDEX words_lower ON words ({{lower \"word\"}});"

func TestTextAlikeOnBoth(t *testing.T) {
	onBoth(t, words, func(t *testing.T, d *db.DB) {
		all := []string{"Apfel", "apfel", "ÄPFEL", "äpfel", "50%", "a_b", "axb", `back\slash`, "ΣΊΣΥΦΟΣ", "line\nbreak", "Żółw", "żÓŁW", "a.b", "日本語", "İstanbul", "ÉCOLE", "école"}
		for _, w := range all {
			exec(t, d, "INSERT INTO words (word) VALUES (?)", w)
		}
		exec(t, d, "INSERT INTO words (word) VALUES (NULL)")
		d0 := d.Dialect()
		for _, c := range []struct {
			condition, arg string
			want           []string
		}{
			{d0.Like("word", false), "a%", []string{"a.b", "a_b", "apfel", "axb"}},
			{d0.Like("word", false), db.EscapeLike("a_") + "%", []string{"a_b"}},
			{d0.Like("word", false), "%" + db.EscapeLike("%"), []string{"50%"}},
			{d0.Like("word", false), db.EscapeLike(`back\`) + "%", []string{`back\slash`}},
			{d0.Like("word", true), "ä%", []string{"ÄPFEL", "äpfel"}},
			{d0.Like("word", true), "%ŻÓŁ%", []string{"Żółw", "żÓŁW"}},
			{"word LIKE ?", "A%", []string{"Apfel"}},
			{d0.Lower("word") + " = " + d0.Lower("?"), "σίσυφοσ", nil},
			{d0.Lower("word") + " = ?", "σίσυφος", []string{"ΣΊΣΥΦΟΣ"}},
			{d0.Lower("word") + " = ?", "i̇stanbul", []string{"İstanbul"}},
			{d0.Regex("word", false), "^a", []string{"a.b", "a_b", "apfel", "axb"}},
			{d0.Regex("word", true), "^äpf", []string{"ÄPFEL", "äpfel"}},
			{d0.Regex("word", true), "éc(o|u)le$", []string{"ÉCOLE", "école"}},
			{d0.Regex("word", false), `^a\.b$`, []string{"a.b"}},
			{d0.Regex("word", false), "line.break", []string{"line\nbreak"}},
			{d0.Regex("word", false), "^...$", []string{"50%", "a.b", "a_b", "axb", "日本語"}},
			{d0.Regex("word", false), `^\d+%$`, []string{"50%"}},
			{d0.Regex("word", false), "p{1}f.+?l", []string{"Apfel", "apfel", "äpfel"}},
		} {
			var got []string
			must(t, d.Read(t.Context()).Raw("SELECT word FROM words WHERE "+c.condition+" ORDER BY word", c.arg).Scan(&got).Error)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s with %q:\n%s", c.condition, c.arg, diff)
			}
		}
		var sorted []string
		must(t, d.Read(t.Context()).Raw("SELECT word FROM words WHERE word IS NOT NULL ORDER BY word LIMIT 4").Scan(&sorted).Error)
		if diff := cmp.Diff([]string{"50%", "Apfel", "a.b", "a_b"}, sorted); diff != "" {
			t.Error("order:", diff)
		}
	})
}

func TestJSONMembers(t *testing.T) {
	onBoth(t, "CREATE TABLE docs (id {{int}}, labels {{json}})", func(t *testing.T, d *db.DB) {
		exec(t, d, "INSERT INTO docs VALUES (1, ?), (2, '{}'), (3, NULL)", `{"env": "prod", "a.b": "dot", "1": "one", "$x": "dollar", "[0]": "array", "q\"uote": "q", "ü": "ä", "none": null, "yes": true, "n": 5, "": "empty"}`)
		for key, want := range map[string]*string{
			"env": new("prod"), "a.b": new("dot"), "1": new("one"), "$x": new("dollar"), "[0]": new("array"), `q"uote`: new("q"), "ü": new("ä"),
			"none": nil, "yes": new("true"), "n": new("5"), "": new("empty"), "missing": nil, "en": nil,
		} {
			type member struct{ Value *string }
			var got []member
			must(t, d.Read(t.Context()).Raw("SELECT "+d.Dialect().JSONText("labels", "?")+" AS value FROM docs ORDER BY id", key).Scan(&got).Error)
			if diff := cmp.Diff([]member{{want}, {}, {}}, got); diff != "" {
				t.Errorf("text of %q:\n%s", key, diff)
			}
			var has []int
			must(t, d.Read(t.Context()).Raw("SELECT id FROM docs WHERE "+d.Dialect().JSONHas("labels", "?"), key).Scan(&has).Error)
			if (len(has) == 1) != (want != nil || key == "none") {
				t.Errorf("has %q: %v", key, has)
			}
			var without int
			must(t, d.Read(t.Context()).Raw("SELECT count(*) FROM docs WHERE NOT "+d.Dialect().JSONHas("labels", "?"), key).Scan(&without).Error)
			if without+len(has) != 3 {
				t.Errorf("%q: %d with and %d without of 3", key, len(has), without)
			}
		}
	})
}

func TestLogHasNoValues(t *testing.T) {
	t.Parallel()
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		var out bytes.Buffer
		d, err := db.Open(t.Context(), db.Options{URL: address(t, dialect), Log: slog.New(slog.NewTextHandler(&out, nil))})
		must(t, err)
		_ = d.Read(t.Context()).Exec("SELECT * FROM nowhere WHERE a = ?", "hunter2").Error
		if !strings.Contains(out.String(), "nowhere") || strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s: log is %q", dialect, out.String())
		}
		out.Reset()
		exec(t, d, "CREATE TABLE t (a text PRIMARY KEY)")
		exec(t, d, "INSERT INTO t VALUES ('x')")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var row struct{ A string }
		for _, err := range []error{
			d.Read(t.Context()).Table("t").Take(&row, "a = 'none'").Error,
			d.Read(ctx).Table("t").Take(&row).Error,
			d.InTx(t.Context(), func(tx *db.Tx) error { return tx.Exec("INSERT INTO t VALUES ('x')").Error }),
		} {
			if err == nil {
				t.Error("a statement should have failed")
			}
		}
		if out.Len() > 0 {
			t.Errorf("%s: answers were logged as events: %s", dialect, out.String())
		}
		if err := d.Read(t.Context()).Table("t").Take(&row, "a = 'none'").Error; !errors.Is(err, gorm.ErrRecordNotFound) {
			t.Errorf("got %v", err)
		}
		must(t, d.Close())
	}
}
