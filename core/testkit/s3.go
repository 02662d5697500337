package testkit

import (
	"net/url"
	"testing"
)

// S3 gives the endpoint (with its scheme), the two keys, and a bucket name that nobody has used. The bucket itself
// is not made: that is for the storage under test.
func S3(t testing.TB) (endpoint, access, secret, bucket string) {
	t.Helper()
	u, err := url.Parse(variable(t, S3Variable))
	if err != nil {
		t.Fatalf("%s is no URL: %v", S3Variable, err)
	}
	access = u.User.Username()
	secret, _ = u.User.Password()
	if u.Host == "" || access == "" || secret == "" {
		t.Fatalf("%s must look like http://ACCESS:SECRET@HOST:PORT", S3Variable)
	}
	return u.Scheme + "://" + u.Host, access, secret, randomName("test-")
}
