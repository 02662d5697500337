package journey_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/packhouse/packhouse/core/testkit"
)

// TestADomainInABucket takes a domain with a bucket of its own from its making to its end.
func TestADomainInABucket(t *testing.T) {
	t.Parallel()
	onEachWithDomains(t, func(t *testing.T, d *tenants) {
		endpoint, access, secret, bucket := testkit.S3(t)
		for name, value := range map[string]string{"endpoint": endpoint, "access": access, "secret": secret, "bucket": bucket} {
			d.vars[name] = value
		}
		const ours = `{"bucket_name":"{bucket}","endpoint_url":"{endpoint}","access_key":"{access}","secret_key":"{secret}","addressing_style":"path","location":"ours"}`
		const theirs = `{"AWS_STORAGE_BUCKET_NAME":"{bucket}","AWS_S3_ENDPOINT_URL":"{endpoint}","AWS_ACCESS_KEY_ID":"{access}","AWS_SECRET_ACCESS_KEY":"{secret}","AWS_S3_ADDRESSING_STYLE":"path","AWS_LOCATION":"theirs"}`
		shown := []string{`storage_settings.bucket_name = "{bucket}"`, `storage_settings.hidden_fields ~ "name":"secret_key"`, `storage_settings.access_key absent`, `storage_settings.secret_key absent`}
		bucketOf := func(class, settings string) string {
			return `"storage_class":"storages.backends.` + class + `","storage_settings":` + settings
		}
		d.step(step{do: "POST " + domainsPath, body: `{"name":"ours",` + bucketOf("s3.S3Storage", ours) + `}`, status: 201, want: append(shown, `storage_settings.location = "ours"`), hasNot: []string{secret}, keep: map[string]string{"ours": "pulp_href", "ours_prn": "prn"}})
		d.step(step{do: "POST " + domainsPath, body: `{"name":"theirs",` + bucketOf("s3boto3.S3Boto3Storage", theirs) + `,"redirect_to_object_storage":false}`, status: 201,
			want: append(shown, `storage_settings.location = "theirs"`), hasNot: []string{secret}, keep: map[string]string{"theirs": "pulp_href", "theirs_prn": "prn"}})
		d.step(step{about: "inside of another one", do: "POST " + domainsPath, body: `{"name":"x",` + bucketOf("s3.S3Storage", strings.Replace(ours, `"ours"`, `"ours/x"`, 1)) + `}`, status: 400, has: []string{"inside"}})
		d.step(step{about: "a wrong key", do: "POST " + domainsPath, body: `{"name":"x",` + bucketOf("s3.S3Storage", strings.Replace(strings.Replace(ours, `"ours"`, `"x"`, 1), "{secret}", "CANARY", 1)) + `}`, status: 400, hasNot: []string{"CANARY"}})
		d.fill("ours")
		d.fill("theirs")
		d.redirects("ours")
		d.serves("theirs")
		d.step(step{about: "new keys to the same place", do: "PATCH {ours}", body: `{"redirect_to_object_storage":false}`, status: 202, task: "completed"})
		d.serves("ours")
		d.step(step{about: "as it was shown", do: "PATCH {ours}", body: `{"redirect_to_object_storage":true}`, status: 202, task: "completed"})
		d.redirects("ours")
		d.moves("ours", folderClass+`,"storage_settings":{"location":"{places}/moved"}`)
		d.serves("ours")
		if text, err := os.ReadFile(d.blob("moved", "{ours_file}")); string(text) != "the same" {
			t.Errorf("the file that came from the bucket is %q (%v)", text, err)
		}
		d.moves("theirs", folderClass+`,"storage_settings":{"location":"{places}/moved"}`)
		d.moves("theirs", bucketOf("s3.S3Storage", strings.Replace(theirs, `"theirs"`, `"back"`, 1)))
		d.moves("ours", bucketOf("s3.S3Storage", ours))
		d.redirects("ours")
		d.serves("theirs") // whose own setting says so
		for _, name := range []string{"ours", "theirs"} {
			d.ends(name)
		}
		d.serves("one")
	})
}

// moves brings a domain, its upload included, to another storage.
func (d *tenants) moves(name, to string) {
	d.t.Helper()
	d.step(step{about: "moved", do: "POST /pulp/" + name + "/api/v3/domains/migrate/", body: "{" + to + "}", status: 202, task: "completed", want: []string{"progress_reports.0.done = 4"}, hasNot: []string{d.vars["secret"]}})
}

// redirects follows the address of the object storage that a client gets.
func (d *tenants) redirects(name string) {
	d.t.Helper()
	for file, text := range map[string]string{"a.txt": name, "b.txt": "the same"} {
		answer := d.do(d.t, d.request(d.t, step{do: "GET /pulp/content/" + name + "/r/" + file, as: "nobody"}, d.vars))
		link := answer.Header().Get("Location")
		if answer.Code != http.StatusFound || !strings.HasPrefix(link, d.vars["endpoint"]) {
			d.t.Fatalf("%s of %s: %d, %q: %s", file, name, answer.Code, link, answer.Body)
		}
		r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, link, nil)
		must(d.t, err)
		if answer := d.do(d.t, r); answer.Code != http.StatusOK || answer.Body.String() != text {
			d.t.Errorf("%s of %s is %d %q", file, name, answer.Code, answer.Body)
		}
	}
}

// ends deletes a domain that fill has filled.
func (d *tenants) ends(name string) {
	d.t.Helper()
	for _, kind := range []string{"_dist", "_repo", "_remote"} {
		d.step(step{do: "DELETE {" + name + kind + "}", status: 202, task: "completed"})
	}
	d.step(step{do: "DELETE {" + name + "}", status: 202, task: "completed"})
	d.step(step{do: "GET {" + name + "}", status: 404})
}
