package resource

import (
	"encoding/json"
	"testing"
	"time"
)

// reads gives what a parser makes of a value, as JSON, or the fault.
func reads[T any](parse func(*Input, any) (T, error), in *Input, value any) string {
	got, err := parse(in, value)
	if err != nil {
		return "fault: " + err.Error()
	}
	text, err := json.Marshal(got)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestValues(t *testing.T) {
	t.Parallel()
	in, form := &Input{}, &Input{Form: true}
	n := func(text string) json.Number { return json.Number(text) }
	const notText, notBool, notInt, notNull, notBlank, noNull = "fault: Not a valid string.", "fault: Must be a valid boolean.", "fault: A valid integer is required.",
		"fault: This field may not be null.", "fault: This field may not be blank.", "fault: Null characters are not allowed."
	const notTime = "fault: Datetime has wrong format. Use YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
	for name, c := range map[string]struct{ got, want string }{
		"text":              {reads(parseText, in, " a b\t"), `"a b"`},
		"text of number":    {reads(parseText, in, n("1.50")), `"1.50"`},
		"blank text":        {reads(parseText, in, "  "), notBlank},
		"blank is allowed":  {reads(parseBlankText, in, "  "), `""`},
		"text of null":      {reads(parseText, in, nil), notNull},
		"text of bool":      {reads(parseText, in, true), notText},
		"text of list":      {reads(parseText, in, []any{"a"}), notText},
		"text with NUL":     {reads(parseText, in, "a\x00"), noNull},
		"text not UTF-8":    {reads(parseText, in, "a\xff"), "fault: The text is not valid UTF-8."},
		"int":               {reads(parseInt(1), in, n("7")), "7"},
		"int of text":       {reads(parseInt(1), in, " 7 "), "7"},
		"int of whole":      {reads(parseInt(1), in, n("7.0")), "7"},
		"int of fraction":   {reads(parseInt(1), in, n("7.5")), notInt},
		"int too low":       {reads(parseInt(1), in, n("0")), "fault: Ensure this value is greater than or equal to 1."},
		"int too large":     {reads(parseInt(1), in, n("9223372036854775808")), notInt},
		"int largest":       {reads(parseInt(1), in, n("9223372036854775807")), "9223372036854775807"},
		"int of NaN":        {reads(parseInt(1), in, "NaN"), notInt},
		"int of infinity":   {reads(parseInt(1), in, "Inf"), notInt},
		"int of bool":       {reads(parseInt(1), in, true), notInt},
		"int of null":       {reads(parseInt(1), in, nil), notNull},
		"bool":              {reads(parseBool, in, true), "true"},
		"bool of yes":       {reads(parseBool, in, " YES "), "true"},
		"bool of t":         {reads(parseBool, in, "t"), "true"},
		"bool of 0":         {reads(parseBool, in, n("0")), "false"},
		"bool of off":       {reads(parseBool, in, "off"), "false"},
		"bool of 2":         {reads(parseBool, in, n("2")), notBool},
		"bool of nothing":   {reads(parseBool, in, ""), notBool},
		"bool of null":      {reads(parseBool, in, nil), notNull},
		"bool of object":    {reads(parseBool, in, map[string]any{}), notBool},
		"texts":             {reads(parseTexts, in, []any{"a", n("1")}), `["a","1"]`},
		"texts of text":     {reads(parseTexts, in, "a"), "fault: Expected a list of items."},
		"texts of form":     {reads(parseTexts, form, "a"), `["a"]`},
		"texts of JSON":     {reads(parseTexts, form, `["a","b"]`), `["a","b"]`},
		"texts of no JSON":  {reads(parseTexts, form, `["a"`), `["[\"a\""]`},
		"texts with bool":   {reads(parseTexts, in, []any{"a", true}), "fault: Item 1: Not a valid string."},
		"time":              {reads(parseTime, in, "2020-02-29T12:00:00.1234567+02:00"), `"2020-02-29T10:00:00.123456Z"`},
		"time without zone": {reads(parseTime, in, "2020-02-29T12:00"), `"2020-02-29T12:00:00Z"`},
		"day":               {reads(parseTime, in, "2020-02-29"), `"2020-02-29T00:00:00Z"`},
		"no day":            {reads(parseTime, in, "2021-02-29"), notTime},
		"time of number":    {reads(parseTime, in, n("5")), notTime},
		"labels":            {reads(parseLabels, in, map[string]any{"a b.c-d_ä": "x", "n": nil}), `{"a b.c-d_ä":"x","n":null}`},
		"labels of text":    {reads(parseLabels, form, `{"a":"b"}`), `{"a":"b"}`},
		"labels of no JSON": {reads(parseLabels, form, `{`), "fault: Labels must be a JSON object."},
		"labels of list":    {reads(parseLabels, in, []any{}), "fault: Expected a dictionary of items."},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

func TestLabelKeysAndValues(t *testing.T) {
	t.Parallel()
	for key, ok := range map[string]bool{"a": true, "a b.c-d_1": true, "ключ": true, "": false, "a/b": false, "a=b": false, "a,b": false, "a\nb": false, "a~": false, "!a": false, "a\xff": false} {
		if err := checkLabelKey(key); (err == nil) != ok {
			t.Errorf("the key %q gives %v", key, err)
		}
	}
	for value, ok := range map[string]bool{"": true, "a,b=c~d!": true, "(": false, "a)": false, "\x00": false} {
		if err := checkLabelValue(value); (err == nil) != ok {
			t.Errorf("the value %q gives %v", value, err)
		}
	}
}

func TestTimesAreWritten(t *testing.T) {
	t.Parallel()
	for want, at := range map[string]time.Time{
		"2020-01-02T03:04:05Z":        time.Date(2020, 1, 2, 3, 4, 5, 999, time.UTC),
		"2020-01-02T03:04:05.000001Z": time.Date(2020, 1, 2, 3, 4, 5, 1999, time.UTC),
		"2020-01-02T03:04:05.500000Z": time.Date(2020, 1, 2, 4, 4, 5, 5e8, time.FixedZone("", 3600)),
	} {
		if got := string(appendTime(nil, at)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzQuoting(f *testing.F) {
	for _, text := range []string{"", "plain", "a\"b\\c", "\x00\x1f\x7f", "ä€😀", "\xff\xfe", "<&>", "\u2028", "\xed\xa0\x80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := appendQuoted([]byte("x"), text)
		var back, want string
		if err := json.Unmarshal(quoted[1:], &back); err != nil {
			t.Fatalf("%q is written as %s: %v", text, quoted, err)
		}
		for _, r := range text { // what is not UTF-8 becomes the replacement character
			want += string(r)
		}
		if back != want {
			t.Fatalf("%q comes back as %q", text, back)
		}
	})
}
