package resource

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/packhouse/packhouse/core/errs"
)

// received reads a body as an operation without files would.
func received(t testing.TB, kind string, body []byte, limit int64) (Body, error) {
	t.Helper()
	server := fiber.New()
	inner := &fasthttp.RequestCtx{}
	inner.Request.Header.SetMethod("POST")
	if kind != "" {
		inner.Request.Header.SetContentType(kind)
	}
	inner.Request.SetBodyStream(bytes.NewReader(body), len(body))
	outer := server.AcquireCtx(inner)
	defer server.ReleaseCtx(outer)
	op := &Operation{Request: &RequestDoc{}}
	c := NewCall(&Env{MaxBody: limit}, op, outer, t.Context(), nil, "", "")
	err := c.readBody()
	return c.Body, err
}

const multi = "multipart/form-data; boundary=x"

func part(name, text string) string {
	return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n"
}

func TestBodies(t *testing.T) {
	t.Parallel()
	const jsonKind, formKind = "application/json", "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		kind, body, want string
		fault            errs.Kind
	}{
		"object":             {jsonKind, `{"a":1,"b":[null,"x"]}`, `{"values":{"a":1,"b":[null,"x"]}}`, ""},
		"large number":       {jsonKind, `{"a":12345678901234567890.5}`, `{"values":{"a":12345678901234567890.5}}`, ""},
		"empty":              {jsonKind, ``, `{"values":{}}`, ""},
		"blank":              {jsonKind, " \n", `{"values":{}}`, ""},
		"no type":            {"", `{"a":1}`, `{"values":{"a":1}}`, ""},
		"two equal keys":     {jsonKind, `{"a":1,"a":2}`, `{"values":{"a":2}}`, ""},
		"cut":                {jsonKind, `{"a":`, "", errs.Invalid},
		"two values":         {jsonKind, `{}{}`, "", errs.Invalid},
		"list":               {jsonKind, `[]`, "", errs.Invalid},
		"null":               {jsonKind, `null`, "", errs.Invalid},
		"not UTF-8":          {jsonKind, "{\"a\":\"\xff\"}", "", errs.Invalid},
		"deep":               {jsonKind, strings.Repeat(`[`, 100000), "", errs.Invalid},
		"deep object":        {jsonKind, strings.Repeat(`{"a":`, 20000), "", errs.Invalid},
		"too large":          {jsonKind, `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "", errs.TooLarge},
		"other type":         {"text/plain", `{}`, "", errs.Unsupported},
		"junk type":          {";;", `{}`, "", errs.Unsupported},
		"form":               {formKind, "a=1&b=x+y&b=%C3%A4&c=", `{"form":true,"values":{"a":"1","b":["x y","ä"],"c":""}}`, ""},
		"bad form":           {formKind, "a=%zz", "", errs.Invalid},
		"form too large":     {formKind, "a=" + strings.Repeat("x", 1<<20), "", errs.TooLarge},
		"multipart":          {multi, part("a", "1") + part("a", "2") + part("b", "x\r\ny") + "--x--", `{"form":true,"values":{"a":["1","2"],"b":"x\r\ny"}}`, ""},
		"multipart, nothing": {multi, "--x--\r\n", `{"form":true,"values":{}}`, ""},
		"multipart, cut":     {multi, part("a", "1") + "--x\r\nContent-Dis", "", errs.Invalid},
		"multipart, cut end": {multi, part("a", "1"), "", errs.Invalid},
		"multipart, junk":    {multi, "junk", "", errs.Invalid},
		"no boundary":        {"multipart/form-data", part("a", "1"), "", errs.Invalid},
		"other boundary":     {"multipart/form-data; boundary=y", part("a", "1"), "", errs.Invalid},
		"parts too large":    {multi, part("a", strings.Repeat("x", 600<<10)) + part("b", strings.Repeat("x", 600<<10)) + "--x--", "", errs.TooLarge},
		"too many parts":     {multi, strings.Repeat(part("a", ""), maxParts+1) + "--x--", "", errs.TooLarge},
		"unexpected file":    {multi, "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\nx\r\n--x--", "", errs.Invalid},
	} {
		body, err := received(t, c.kind, []byte(c.body), 1<<20)
		if got := errs.KindOf(err); got != c.fault {
			t.Errorf("%s: the fault is %q (%v), want %q", name, got, err, c.fault)
			continue
		}
		if text, _ := json.Marshal(body); err == nil && string(text) != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}

// TestABodyIsTheSameInATask: a task reads what the request wrote.
func TestABodyIsTheSameInATask(t *testing.T) {
	t.Parallel()
	before, err := received(t, "application/json", []byte(`{"n":12345678901234567890,"f":1.50,"l":[{"x":null}],"t":"<ä>"}`), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after Body
	if err := json.Unmarshal(text, &after); err != nil {
		t.Fatal(err)
	}
	if !same(&before, &after) {
		t.Errorf("%v comes back as %v", before, after)
	}
}

// FuzzBody: no body ends in anything but values or a fault of the sender.
func FuzzBody(f *testing.F) {
	f.Add(uint8(0), []byte(`{"a":[1,{"b":null}]}`))
	f.Add(uint8(1), []byte("a=1&b=%20"))
	f.Add(uint8(2), []byte(part("a", "1")+"--x--"))
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		kinds := []string{"application/json", "application/x-www-form-urlencoded", multi}
		got, err := received(t, kinds[int(kind)%len(kinds)], body, 1<<16)
		switch errs.KindOf(err) {
		case "":
			if _, err := json.Marshal(got); err != nil {
				t.Fatalf("%q cannot be handed to a task: %v", body, err)
			}
		case errs.Invalid, errs.TooLarge, errs.Unsupported:
		default:
			t.Fatalf("%q: %v", body, err)
		}
	})
}
