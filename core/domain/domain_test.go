package domain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/secret"
)

func keys(t *testing.T) *secret.Box {
	t.Helper()
	box, err := secret.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"a": true, "A-b_9": true, strings.Repeat("x", 50): true,
		"": false, "api": false, "content": false, "a b": false, "a/b": false, "ä": false, "a.b": false, "%61": false, strings.Repeat("x", 51): false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSettingsAndArguments(t *testing.T) {
	t.Parallel()
	want := Place{Class: S3, Location: "p", Endpoint: "https://h", Bucket: "b", Region: "r", PathStyle: true, AccessKey: "a", SecretKey: "s", SecurityToken: "t"}
	for _, given := range []string{
		`{"access_key":"a","secret_key":"s","security_token":"t","bucket_name":"b","endpoint_url":"https://h","region_name":"r","location":"p","addressing_style":"path","hidden_fields":[]}`,
		`{"AWS_ACCESS_KEY_ID":"a","AWS_SECRET_ACCESS_KEY":"s","AWS_SESSION_TOKEN":"t","AWS_STORAGE_BUCKET_NAME":"b","AWS_S3_ENDPOINT_URL":"https://h","AWS_S3_REGION_NAME":"r","AWS_LOCATION":"p","aws_s3_addressing_style":"path","AWS_S3_SIGNATURE_VERSION":"s3v4"}`,
	} {
		if got, err := Read(S3, decoded(t, given), nil); err != nil || got != want {
			t.Errorf("%s: %+v (%v)", given, got, err)
		}
	}
}

func decoded(t *testing.T, text string) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBadDescriptions(t *testing.T) {
	t.Parallel()
	const bucket = `"access_key":"a","secret_key":"s","bucket_name":"b"`
	for _, c := range []struct{ class, given, says string }{
		{FileSystem, `{}`, "location"},
		{FileSystem, `{"location":5}`, "valid string"},
		{FileSystem, `{"location":"/a\n"}`, "one line"},
		{FileSystem, `{"location":"/a","bucket_name":"b"}`, "Unexpected"},
		{FileSystem, `{"location":"/a","MEDIA_ROOT":"/b"}`, "twice"},
		{S3, `{"bucket_name":"b"}`, "secret_key"},
		{S3, `{"access_key":"a","secret_key":null,"bucket_name":"b"}`, "secret_key"},
		{S3, `{` + bucket + `,"addressing_style":"odd"}`, "auto"},
		{S3, `{` + bucket + `,"signature_version":"s3"}`, "s3v4"},
		{S3, `{` + bucket + `,"endpoint_url":"ftp://h"}`, "endpoint_url"},
		{S3, `{` + bucket + `,"endpoint_url":"https://u:p@h"}`, "endpoint_url"},
		{S3Boto3, `{` + bucket + `,"endpoint_url":"https://h/path"}`, "endpoint_url"},
		{Azure, `{}`, "not supported"},
		{"odd", `{}`, "valid choice"},
	} {
		if _, err := Read(c.class, decoded(t, c.given), nil); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v, want %q", c.class, c.given, err, c.says)
		}
	}
}

func TestSecretsAreKeptAndNeverShown(t *testing.T) {
	t.Parallel()
	box, row := keys(t), &model.Domain{Name: "d"}
	p, err := Read(S3, decoded(t, `{"access_key":"CANARY-a","secret_key":"CANARY-s","bucket_name":"b","endpoint_url":"https://h"}`), nil)
	if err == nil {
		err = p.Keep(box, row)
	}
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(row.StorageOptions)+string(row.StorageSettings), "CANARY") {
		t.Errorf("the row shows secrets: %s %s", row.StorageOptions, row.StorageSettings)
	}
	if got, err := Kept(box, row); err != nil || got != p {
		t.Errorf("kept %+v (%v)", got, err)
	}
	sealed := string(row.StorageSettings)
	if err := p.Keep(box, row); err != nil || string(row.StorageSettings) != sealed {
		t.Errorf("the same secrets were sealed anew (%v)", err)
	}
	again, err := Read(S3, decoded(t, `{"bucket_name":"c","endpoint_url":"https://h"}`), &p)
	if err != nil || again.SecretKey != "CANARY-s" {
		t.Errorf("the secrets did not stay: %v", err)
	}
	if elsewhere, err := Read(S3, decoded(t, `{"bucket_name":"b","endpoint_url":"https://other"}`), &p); err == nil {
		t.Errorf("another server gets the secrets: %s", elsewhere.Endpoint)
	}
	if _, err := Kept(nil, row); err == nil {
		t.Error("without a key the secrets were read")
	}
}

func TestPlacesInsideOfEachOther(t *testing.T) {
	t.Parallel()
	folder := func(path string) Place { return Place{Class: FileSystem, Location: path} }
	bucket := func(prefix string) Place {
		return Place{Class: S3, Endpoint: "https://H/", Bucket: "b", Location: prefix}
	}
	for _, c := range []struct {
		a, b         Place
		same, nested bool
	}{
		{folder("/a/b"), folder("/a/b"), true, false},
		{folder("/a/b"), folder("/a/bc"), false, false},
		{folder("/a/b"), folder("/a/b/upload"), false, true},
		{bucket(""), bucket("x"), false, true},
		{bucket("x/"), Place{Class: S3Boto3, Endpoint: "https://h", Bucket: "b", Location: "/x"}, true, false},
		{bucket("x"), bucket("xy"), false, false},
		{bucket("x"), folder("/x"), false, false},
	} {
		if (c.a.ID() == c.b.ID()) != c.same || c.a.Nested(c.b) != c.nested || c.b.Nested(c.a) != c.nested {
			t.Errorf("%+v and %+v: same %v, nested %v", c.a, c.b, c.a.ID() == c.b.ID(), c.a.Nested(c.b))
		}
	}
}

// closed lets nobody out.
type closed struct{}

func (closed) Check(host string) error { return errors.New(host + " is refused") }
func (closed) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("refused")
}

func TestOnlyWhatTheOperatorAllows(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	for link, to := range map[string]string{"out": outside, "in": filepath.Join(root, "real"), "nowhere": filepath.Join(outside, "none")} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := &Opener{Roots: []string{root}, Egress: closed{}}
	for place, good := range map[string]bool{
		root + "/new": true, root + "/a/b/c": true, root + "/in/x": true,
		root: false, root + "/": false, root + "/../x": false, "/": false, "": false, "relative": false, outside: false, root + "x": false,
		root + "/out": false, root + "/out/x": false, root + "/nowhere": false, root + "/nowhere/x": false,
	} {
		if err := o.Try(t.Context(), Place{Class: FileSystem, Location: place}); (err == nil) != good {
			t.Errorf("%q: %v", place, err)
		}
	}
	err := o.Try(t.Context(), Place{Class: S3, Endpoint: "https://h", Bucket: "b", AccessKey: "CANARY", SecretKey: "CANARY"})
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "egress.allow") || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("a host that is refused: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(S3, `{"access_key":"a","secret_key":"s","bucket_name":"b"}`)
	f.Add(FileSystem, `{"location":"/a"}`)
	f.Add(Azure, `null`)
	f.Fuzz(func(t *testing.T, class, text string) {
		var given map[string]any
		if json.Unmarshal([]byte(text), &given) != nil {
			return
		}
		p, err := Read(class, given, nil)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%v is no fault of the sender", err)
			}
			return
		}
		row := &model.Domain{}
		if err := p.Keep(keys(t), row); err != nil {
			t.Fatal(err)
		}
		got, err := Kept(keys(t), row)
		if err != nil || got != p {
			t.Errorf("%+v was kept as %+v (%v)", p, got, err)
		}
	})
}
