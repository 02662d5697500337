package node

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/guard"
)

const guardsRoot = "/pulp/api/v3/contentguards/"

// TestGuardsOnTheWholeWay makes a guard of each type over the API and asks for guarded content in every way there is to
// write a path. Who may pass gets the file; who may not gets 403 wherever the path leads into the distribution, and
// never a byte of it elsewhere.
func TestGuardsOnTheWholeWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := start(t, Serve, append(embeddedIn(dir), "PACKHOUSE_TRUSTED_PROXIES=127.0.0.1")...)
	loaded := config.Settings{DataDir: dir}
	secret, err := config.EnsureSecretKey(loaded)
	if err != nil {
		t.Fatal(err)
	}
	key, err := guard.SigningKey(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	ca, client := clientCertificates(t, "/g-rhsm/folder")
	cert := "X-CLIENT-CERT: " + url.PathEscape(client)
	header := "X-Who: " + base64.StdEncoding.EncodeToString([]byte("the value"))
	admin := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+adminPassword))
	make201 := func(path string, body map[string]any) string {
		t.Helper()
		status, answer := n.call("POST", guardsRoot+path, body)
		if status != http.StatusCreated {
			t.Fatalf("%s: %d %v", path, status, answer)
		}
		return answer["pulp_href"].(string)
	}
	byHeader := make201("core/header/", map[string]any{"name": "header", "header_name": "X-Who", "header_value": "the value"})
	guards := map[string]struct{ href, header string }{
		"header":    {byHeader, header},
		"rbac":      {make201("core/rbac/", map[string]any{"name": "rbac"}), admin},
		"composite": {make201("core/composite/", map[string]any{"name": "composite", "guards": []string{byHeader}}), header},
		"redirect":  {make201("core/content_redirect/", map[string]any{"name": "redirect"}), ""},
		"x509":      {make201("certguard/x509/", map[string]any{"name": "x509", "ca_certificate": ca}), cert},
		"rhsm":      {make201("certguard/rhsm/", map[string]any{"name": "rhsm", "ca_certificate": ca}), cert},
	}
	_, repo := n.call("POST", "/pulp/api/v3/repositories/file/file/", map[string]any{"name": "r", "autopublish": true})
	n.upload("folder/f", "guarded", repo["pulp_href"].(string))
	for name, g := range guards {
		n.done("POST", "/pulp/api/v3/distributions/file/file/", map[string]any{"name": name, "base_path": "g-" + name, "repository": repo["pulp_href"], "content_guard": g.href})
	}
	for name, g := range guards {
		good := "/pulp/content/g-" + name + "/folder/f"
		let, query := g.header, ""
		if name == "redirect" {
			signed, err := guard.Sign(key, good, "", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			_, query, _ = strings.Cut(signed, "?")
			query = "?" + query
		}
		for _, method := range []string{"GET", "HEAD"} {
			if status, body := n.raw(method, good+query, let); status != 200 || method == "GET" && body != "guarded" {
				t.Errorf("%s %s with the right thing: %d %q", method, name, status, body)
			}
		}
		if status, body := n.raw("GET", good+query, let, "Range: bytes=0-2"); status != 206 || body != "gua" {
			t.Errorf("a part of %s: %d %q", name, status, body)
		}
		base := "/pulp/content/g-" + name
		for _, path := range []string{
			good, good + "?x=1", good + "?expires=1&validate_token=00:00", base, base + "/", base + "/folder", base + "/folder/", base + "/PULP_MANIFEST", base + "/none",
			base + "/%66older/f", "/pulp/content/%67-" + name + "/folder/f", base + "/folder/f/", base + "/Folder/f",
		} {
			for _, method := range []string{"GET", "HEAD"} {
				for _, extra := range []string{"X-Nothing: 1", "Range: bytes=0-2", "If-None-Match: *"} {
					if status, body := n.raw(method, path, extra); status != 403 || strings.Contains(body, "guarded") {
						t.Errorf("%s %s of %s with %s: %d %q", method, path, name, extra, status, body)
					}
				}
			}
		}
		wrong := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("admin:wrong")) // once: failed log-ins are throttled
		if status, body := n.raw("GET", good, wrong); status != 403 {
			t.Errorf("%s with a wrong password: %d %q", name, status, body)
		}
		for _, path := range []string{
			"/pulp/content//g-" + name + "/folder/f", base + "//folder/f", base + "/./folder/f", base + "/x/../folder/f", base + "/%2e/folder/f", base + "/%2e%2e/g-" + name + "/folder/f",
			base + "%2ffolder%2ff", base + "/folder%2ff", base + "/folder/f%00", base + "/folder\\f", "/pulp/content/g-" + strings.ToUpper(name) + "/folder/f",
			"/pulp/content/%2fg-" + name + "/folder/f", "/PULP/content/g-" + name + "/folder/f", base + ";/folder/f", base + "%20/folder/f",
		} {
			for _, extra := range []string{"X-Nothing: 1", "Range: bytes=0-2"} {
				if status, body := n.raw("GET", path, extra); status < 400 || strings.Contains(body, "guarded") {
					t.Errorf("%s: %d %q", path, status, body)
				}
			}
		}
	}
	if status, body := n.raw("GET", "/pulp/content/g-rhsm/PULP_MANIFEST", cert); status != 403 {
		t.Errorf("a path beside the entitlement: %d %q", status, body)
	}
	n.guardsOverTheAPI(byHeader, repo["pulp_href"].(string))
}

// guardsOverTheAPI looks at what the API says of guards.
func (r *running) guardsOverTheAPI(byHeader, repository string) {
	t := r.t
	t.Helper()
	want := func(what string, got, wanted any) {
		t.Helper()
		if got != wanted {
			t.Errorf("%s: %v, want %v", what, got, wanted)
		}
	}
	_, list := r.call("GET", "/pulp/api/v3/distributions/?content_guard="+byHeader, nil)
	want("distributions of a guard", list["count"], 1.0)
	one := list["results"].([]any)[0].(map[string]any)
	want("content_guard", one["content_guard"], byHeader)
	id := strings.Split(strings.Trim(byHeader, "/"), "/")
	want("content_guard_prn", one["content_guard_prn"], "prn:core.headercontentguard:"+id[len(id)-1])
	_, list = r.call("GET", guardsRoot, nil)
	want("guards of all types", list["count"], 7.0) // one is that of the artifact distribution
	status, answer := r.call("DELETE", byHeader, nil)
	want("delete a guard in use", status, http.StatusBadRequest)
	if !strings.Contains(answer["non_field_errors"].([]any)[0].(string), "header") {
		t.Errorf("the distribution is not named: %v", answer)
	}
	status, answer = r.call("PATCH", byHeader, map[string]any{"description": "d", "jq_filter": ".a"})
	want("change a guard", status, http.StatusOK)
	want("description", answer["description"], "d")
	want("header_value", answer["header_value"], "the value")
	status, _ = r.call("PATCH", byHeader, map[string]any{"jq_filter": "("})
	want("a filter that is none", status, http.StatusBadRequest)
	status, _ = r.call("POST", guardsRoot+"core/rbac/", map[string]any{"name": "header"})
	want("a name that another type has", status, http.StatusBadRequest)
	status, _ = r.call("POST", guardsRoot+"certguard/x509/", map[string]any{"name": "no", "ca_certificate": "words"})
	want("an authority that is none", status, http.StatusBadRequest)

	_, inner := r.call("POST", guardsRoot+"core/composite/", map[string]any{"name": "inner", "guards": []string{}})
	_, outer := r.call("POST", guardsRoot+"core/composite/", map[string]any{"name": "outer", "guards": []any{byHeader, inner["pulp_href"]}})
	want("the order of members", outer["guards"].([]any)[0], byHeader)
	want("the order of members", outer["guards"].([]any)[1], inner["pulp_href"])
	status, _ = r.call("PATCH", inner["pulp_href"].(string), map[string]any{"guards": []any{outer["pulp_href"]}})
	want("a circle", status, http.StatusBadRequest)
	status, _ = r.call("PATCH", inner["pulp_href"].(string), map[string]any{"guards": []any{inner["prn"]}})
	want("itself", status, http.StatusBadRequest)
	status, _ = r.call("DELETE", inner["pulp_href"].(string), nil)
	want("delete a member", status, http.StatusBadRequest)
	status, answer = r.call("PATCH", outer["pulp_href"].(string), map[string]any{"guards": []any{byHeader}})
	want("take a member out", status, http.StatusOK)
	want("members", len(answer["guards"].([]any)), 1)
	status, _ = r.call("DELETE", inner["pulp_href"].(string), nil)
	want("delete what is no member any more", status, http.StatusNoContent)

	request, err := http.NewRequestWithContext(t.Context(), "POST", r.URL()+"/pulp/api/v3/distributions/file/file/", strings.NewReader(`{"name":"open","base_path":"open","repository":"`+repository+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", adminPassword)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	want("the status of an open distribution", response.StatusCode, http.StatusAccepted)
	want("its warning", response.Header.Get("Warning"), `299 packhouse "the same repository is also served by 6 distribution(s) with another content guard or none"`)
}

// raw sends a request line as it is and gives status and body.
func (r *running) raw(method, target string, lines ...string) (int, string) {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.URL(), "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	head := method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	for _, line := range lines {
		if line != "" {
			head += line + "\r\n"
		}
	}
	_, _ = io.WriteString(c, head+"\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, target, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// clientCertificates makes an authority and a client's certificate that is entitled to a path.
func clientCertificates(t *testing.T, path string) (ca, client string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	value, err := asn1.Marshal(path)
	if err != nil {
		t.Fatal(err)
	}
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	}
	authority, leaf := template("ca"), template("client")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 2312, 9, 2, 1, 1, 6}, Value: value}}
	var texts []string
	for _, c := range []*x509.Certificate{authority, leaf} {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	return texts[0], texts[1]
}
