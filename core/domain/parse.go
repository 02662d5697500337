package domain

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
)

// member is one key of the description of a storage.
type member struct {
	name string
	// also are the names of the setting that means the same elsewhere, in lower case.
	also   []string
	into   func(p *Place, text string) error
	secret bool
}

func text(field func(p *Place) *string) func(*Place, string) error {
	return func(p *Place, text string) error { *field(p) = text; return nil }
}

func folderMembers() []member {
	return []member{{name: "location", also: []string{"media_root"}, into: text(func(p *Place) *string { return &p.Location })}}
}

func bucketMembers() []member {
	return []member{
		{name: "access_key", also: []string{"aws_s3_access_key_id", "aws_access_key_id"}, into: text(func(p *Place) *string { return &p.AccessKey }), secret: true},
		{name: "secret_key", also: []string{"aws_s3_secret_access_key", "aws_secret_access_key"}, into: text(func(p *Place) *string { return &p.SecretKey }), secret: true},
		{name: "security_token", also: []string{"aws_session_token", "aws_security_token"}, into: text(func(p *Place) *string { return &p.SecurityToken }), secret: true},
		{name: "bucket_name", also: []string{"aws_storage_bucket_name"}, into: text(func(p *Place) *string { return &p.Bucket })},
		{name: "endpoint_url", also: []string{"aws_s3_endpoint_url"}, into: text(func(p *Place) *string { return &p.Endpoint })},
		{name: "region_name", also: []string{"aws_s3_region_name"}, into: text(func(p *Place) *string { return &p.Region })},
		{name: "location", also: []string{"aws_location"}, into: text(func(p *Place) *string { return &p.Location })},
		{name: "addressing_style", also: []string{"aws_s3_addressing_style"}, into: addressing},
		{name: "signature_version", also: []string{"aws_s3_signature_version"}, into: signature},
	}
}

func addressing(p *Place, text string) error {
	if !slices.Contains([]string{"auto", "path", "virtual"}, text) {
		return errs.New(errs.Invalid, "Choose one of auto, path, virtual.")
	}
	p.PathStyle = text == "path"
	return nil
}

func signature(_ *Place, text string) error {
	if text != "s3v4" {
		return errs.New(errs.Invalid, "Only s3v4 is spoken here; leave it out.")
	}
	return nil
}

// Read reads a description of a storage: storage_class and storage_settings of the contract. Keys are those of the
// storage's constructor, or the names of the settings that mean the same, in any case. Secrets that
// are absent are those of before, when that is on the same server; a nil before has none. Faults are errs.Invalid by key.
func Read(class string, given map[string]any, before *Place) (Place, error) {
	p := Place{Class: class}
	members := folderMembers()
	switch class {
	case FileSystem:
	case S3, S3Boto3:
		members = bucketMembers()
	case Azure:
		return p, errs.Field("storage_class", "Azure storages are not supported by this server; use a folder or an S3 bucket.")
	default:
		return p, errs.Field("storage_class", "%q is not a valid choice.", class)
	}
	faults := map[string]any{}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key == "hidden_fields" { // which is shown, and may come back
			continue
		}
		m := find(members, key)
		if m == nil {
			faults[key] = []string{"Unexpected field"}
			continue
		}
		if seen[m.name] {
			faults[key] = []string{"This is given twice, by two of its names."}
			continue
		}
		seen[m.name] = true
		if err := m.take(&p, given[key]); err != nil {
			faults[m.name] = []string{err.Error()}
		}
	}
	if p.isBucket() && p.Endpoint == "" {
		p.Endpoint = "https://s3.amazonaws.com"
	}
	p.keep(before, seen)
	p.require(faults)
	if len(faults) > 0 {
		return p, &errs.Error{Kind: errs.Invalid, Fields: map[string]any{"storage_settings": faults}}
	}
	return p, nil
}

func find(members []member, key string) *member {
	key = strings.ToLower(key)
	for i, m := range members {
		if m.name == key || slices.Contains(m.also, key) {
			return &members[i]
		}
	}
	return nil
}

// take sets a member; null is as if it were not there, and takes a secret away.
func (m *member) take(p *Place, value any) error {
	if value == nil {
		if m.secret {
			return m.into(p, "")
		}
		return nil
	}
	text, ok := value.(string)
	if !ok {
		return errs.New(errs.Invalid, "Not a valid string.")
	}
	if strings.ContainsAny(text, "\x00\r\n") {
		return errs.New(errs.Invalid, "This must be one line of text.")
	}
	return m.into(p, text)
}

// keep takes over the secrets that are not given anew. Another server never gets those of the one before.
func (p *Place) keep(before *Place, given map[string]bool) {
	if before == nil || !p.isBucket() || !before.isBucket() || before.Endpoint != p.Endpoint {
		return
	}
	for _, m := range []struct {
		name     string
		into, of *string
	}{{"access_key", &p.AccessKey, &before.AccessKey}, {"secret_key", &p.SecretKey, &before.SecretKey}, {"security_token", &p.SecurityToken, &before.SecurityToken}} {
		if !given[m.name] {
			*m.into = *m.of
		}
	}
}

// require tells what is missing.
func (p *Place) require(faults map[string]any) {
	need := func(name, value string) {
		if value == "" && faults[name] == nil {
			faults[name] = []string{"This field is required."}
		}
	}
	if !p.isBucket() {
		need("location", p.Location)
		return
	}
	need("access_key", p.AccessKey)
	need("secret_key", p.SecretKey)
	need("bucket_name", p.Bucket)
	if u, err := url.Parse(p.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		faults["endpoint_url"] = []string{"Use a URL with http or https and a host, such as https://s3.example.org."}
	}
}
