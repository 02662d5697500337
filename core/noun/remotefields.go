package noun

import (
	"encoding/json"
	"strings"

	"github.com/packhouse/packhouse/core/errs"
	"github.com/packhouse/packhouse/core/model"
	"github.com/packhouse/packhouse/core/remote"
	"github.com/packhouse/packhouse/core/resource"
)

// RemoteFields are the members of every remote. checkURL looks at a new url; policies are as in RemoteKind.
func RemoteFields[R any](row func(*R) *model.Remote, policies []model.Policy, checkURL func(in *resource.Input, m *R) error) []resource.Field[R] {
	secrets := remoteSecrets(row)
	seconds := func(name, doc string, of func(*model.Remote) **float64) resource.Field[R] {
		return resource.NullFloat(name, 0, func(m *R) **float64 { return of(row(m)) }).Column("m." + name).Doc(doc)
	}
	fields := []resource.Field[R]{
		resource.Text("name", func(m *R) *string { return &row(m).Name }).Column("m.name").Required().Filters(resource.Lookups).Doc("A unique name for this remote."),
		resource.Text("url", func(m *R) *string { return &row(m).URL }).Column("m.url").Required().CheckIn(checkURL).Doc("The URL of an external content source."),
		certificates("ca_cert", func(m *R) **string { return &row(m).CACert }).Doc("A PEM encoded CA certificate used to validate the server certificate presented by the remote server."),
		certificates("client_cert", func(m *R) **string { return &row(m).ClientCert }).Doc("A PEM encoded client certificate used for authentication."),
		resource.Bool("tls_validation", func(m *R) *bool { return &row(m).TLSValidation }).Column("m.tls_validation").Initially(true).Doc("If True, TLS peer validation must be performed."),
		resource.NullText("proxy_url", func(m *R) **string { return &row(m).ProxyURL }).Column("m.proxy_url").
			Check(func(m *R) error { return checkProxyURL(row(m).ProxyURL) }).Doc("The proxy URL. Format: scheme://host:port"),
		resource.Labels(func(m *R) *model.Labels { return &row(m).PulpLabels }),
		resource.NullInt("download_concurrency", 1, func(m *R) **int64 { return &row(m).DownloadConcurrency }).Column("m.download_concurrency").
			Doc("Total number of simultaneous connections; null is the server's default."),
		resource.NullInt("max_retries", 0, func(m *R) **int64 { return &row(m).MaxRetries }).Column("m.max_retries").
			Doc("How often a failed download is tried again; null is the server's default."),
		seconds("total_timeout", "Seconds that a download may take altogether; null or 0 is no limit.", func(r *model.Remote) **float64 { return &r.TotalTimeout }),
		seconds("connect_timeout", "Seconds to wait for a connection, a free one included; null or 0 is the server's default.", func(r *model.Remote) **float64 { return &r.ConnectTimeout }),
		seconds("sock_connect_timeout", "Seconds to wait for a new connection; null or 0 is the server's default.", func(r *model.Remote) **float64 { return &r.SockConnectTimeout }),
		seconds("sock_read_timeout", "Seconds to wait for the next bytes; null or 0 is the server's default.", func(r *model.Remote) **float64 { return &r.SockReadTimeout }),
		headers(func(m *R) *model.JSON { return &row(m).Headers }),
		resource.NullInt("rate_limit", 0, func(m *R) **int64 { return &row(m).RateLimit }).Column("m.rate_limit").Doc("Limits requests per second; null or 0 is no limit."),
	}
	fields = append(append(fields, policyFields(row, policies)...), secrets...)
	return append(fields, resource.HiddenFields(secrets...))
}

// policyFields are the member policy, or what stands in its place where there is nothing to choose.
func policyFields[R any](row func(*R) *model.Remote, policies []model.Policy) []resource.Field[R] {
	pointer := func(m *R) *model.Policy { return &row(m).Policy }
	if len(policies) == 1 {
		return []resource.Field[R]{resource.Hidden("m.policy", pointer).Initially(policies[0]), resource.Ignored[R]("policy")}
	}
	return []resource.Field[R]{resource.OneOf("policy", pointer, policies...).Column("m.policy").Default(string(policies[0])).
		Doc("When files are downloaded: immediate is during the sync, on_demand when a client first asks, streamed whenever a client asks, without keeping them.")}
}

// remoteSecrets are the members that are stored sealed, in the order of hidden_fields.
func remoteSecrets[R any](row func(*R) *model.Remote) []resource.Field[R] {
	type maker func(name, purpose string, pointer func(*R) *[]byte) resource.Field[R]
	secret := func(name string, make maker, of func(*model.Remote) *[]byte) resource.Field[R] {
		return make(name, remote.Purpose(name), func(m *R) *[]byte { return of(row(m)) }).Column("m." + name)
	}
	return []resource.Field[R]{
		secret("client_key", resource.Secret[R], func(r *model.Remote) *[]byte { return &r.ClientKey }).Doc("A PEM encoded private key used for authentication."),
		secret("proxy_username", resource.Secret[R], func(r *model.Remote) *[]byte { return &r.ProxyUsername }).Doc("The username to authenticate to the proxy."),
		secret("proxy_password", resource.Password[R], func(r *model.Remote) *[]byte { return &r.ProxyPassword }).Doc("The password to authenticate to the proxy."),
		secret("username", resource.Secret[R], func(r *model.Remote) *[]byte { return &r.Username }).Doc("The username to be used for authentication when syncing."),
		secret("password", resource.Password[R], func(r *model.Remote) *[]byte { return &r.Password }).Doc("The password to be used for authentication when syncing."),
	}
}

// checkProxyURL keeps credentials out of a member that is shown; the message does not repeat them.
func checkProxyURL(url *string) error {
	if url != nil && strings.Contains(*url, "@") {
		return errs.New(errs.Invalid, "proxy_url must not contain credentials; give them in 'proxy_username' and 'proxy_password'.")
	}
	return nil
}

// headers is a list of objects of text, whose order and repetitions are kept.
func headers[R any](pointer func(*R) *model.JSON) resource.Field[R] {
	one := resource.Schema{"type": "object", "additionalProperties": resource.String()}
	return resource.JSONOf("headers", resource.Schema{"type": "array", "items": one}, pointer, checkHeaders).Column("m.headers").
		Doc("Headers for requests to the remote server.")
}

// checkHeaders takes what HTTP can carry. The values may be secret, so no message repeats them.
func checkHeaders(raw model.JSON) error {
	var list []map[string]any
	if err := json.Unmarshal(raw, &list); err != nil {
		return errs.New(errs.Invalid, "Expected a list of objects of text, such as [{\"name\": \"value\"}].")
	}
	for i, one := range list {
		if one == nil {
			return errs.New(errs.Invalid, "Item %d: expected an object of text.", i)
		}
		for name, value := range one {
			text, isText := value.(string)
			if !isText || !headerName(name) || !headerValue(text) {
				return errs.New(errs.Invalid, "Item %d: %q is no header that HTTP can carry; names are words without blanks, values are text in one line.", i, name)
			}
		}
	}
	return nil
}

// headerName tells whether a header may be called that: a token of RFC 9110, section 5.6.2.
func headerName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
	})
}

func headerValue(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}
