package config

import (
	"strings"
	"testing"
	"time"
)

func TestLDAPSettings(t *testing.T) {
	t.Parallel()
	good := LDAP{URL: "ldaps://ldap.example.org:636", UserBase: "dc=example,dc=org", UserFilter: "(uid=%s)", UsernameAttribute: "uid",
		GroupBase: "dc=example,dc=org", GroupFilter: "(member=%s)", GroupNameAttribute: "cn", Timeout: time.Second}
	for name, c := range map[string]struct {
		change func(*LDAP)
		wrong  string
	}{
		"good":               {func(*LDAP) {}, ""},
		"off":                {func(l *LDAP) { *l = LDAP{} }, ""},
		"loopback":           {func(l *LDAP) { l.URL = "ldap://127.0.0.1:389" }, ""},
		"loopback, IPv6":     {func(l *LDAP) { l.URL = "ldap://[::1]" }, ""},
		"TLS later":          {func(l *LDAP) { l.URL, l.StartTLS = "ldap://ldap.example.org", true }, ""},
		"clear and meant":    {func(l *LDAP) { l.URL, l.AllowPlaintext = "ldap://ldap.example.org", true }, ""},
		"clear":              {func(l *LDAP) { l.URL = "ldap://ldap.example.org" }, "url"},
		"looks like here":    {func(l *LDAP) { l.URL = "ldap://127.0.0.1.example.org" }, "url"},
		"another scheme":     {func(l *LDAP) { l.URL = "https://ldap.example.org" }, "url"},
		"path":               {func(l *LDAP) { l.URL += "/dc=org" }, "url"},
		"password in it":     {func(l *LDAP) { l.URL = "ldaps://cn:secret@ldap.example.org" }, "url"},
		"TLS twice":          {func(l *LDAP) { l.StartTLS = true }, "start_tls"},
		"no password":        {func(l *LDAP) { l.BindDN = "cn=a" }, "bind_password"},
		"password of nobody": {func(l *LDAP) { l.BindPassword = NewSecret("x") }, "bind_password"},
		"no base":            {func(l *LDAP) { l.UserBase = "" }, "user_base"},
		"all people":         {func(l *LDAP) { l.UserFilter = "(uid=*)" }, "user_filter"},
		"no name":            {func(l *LDAP) { l.UsernameAttribute = "" }, "username_attribute"},
		"all groups":         {func(l *LDAP) { l.GroupFilter = "(cn=*)" }, "group_filter"},
		"groups from where":  {func(l *LDAP) { l.GroupBase, l.RequiredGroup = "", "staff" }, "group_base"},
		"group of no name":   {func(l *LDAP) { l.GroupMap = map[string]string{"a": ""} }, "group_map"},
		"no time":            {func(l *LDAP) { l.Timeout = 0 }, "timeout"},
	} {
		var s Settings
		s.Authentication.LDAP = good
		c.change(&s.Authentication.LDAP)
		found := &checker{}
		s.checkLDAP(found)
		var keys []string
		for _, f := range found.faults {
			keys = append(keys, strings.TrimPrefix(f.Key, "authentication.ldap."))
			if strings.Contains(f.Message, "secret") {
				t.Errorf("%s: the fault tells the password: %s", name, f.Message)
			}
		}
		if got := strings.Join(keys, " "); got != c.wrong {
			t.Errorf("%s: faults in %q, want %q", name, got, c.wrong)
		}
	}
}
