package config

import (
	"errors"
	"strings"
	"testing"
)

// TestRules breaks one rule at a time and expects exactly one fault, on the right setting.
func TestRules(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		key    string
		change func(s *Settings)
	}{
		"no folder":          {"data_dir", func(s *Settings) { s.DataDir = "" }},
		"relative folder":    {"data_dir", func(s *Settings) { s.DataDir = "x" }},
		"relative import":    {"allowed_import_paths", func(s *Settings) { s.AllowedImportPaths = []string{"x"} }},
		"export everything":  {"allowed_export_paths", func(s *Settings) { s.AllowedExportPaths = []string{"/"} }},
		"no port":            {"listen", func(s *Settings) { s.Listen = "localhost" }},
		"port too high":      {"api_listen", func(s *Settings) { s.APIListen = ":70000" }},
		"named port":         {"content_listen", func(s *Settings) { s.ContentListen = ":http" }},
		"unknown web server": {"content_sendfile", func(s *Settings) { s.ContentSendfile, s.TrustedProxies = "lighttpd", []string{"127.0.0.1"} }},
		"no web server":      {"content_sendfile", func(s *Settings) { s.ContentSendfile = "nginx" }},
		"a web server over s3": {"content_sendfile", func(s *Settings) {
			s.ContentSendfile, s.TrustedProxies = "apache", []string{"127.0.0.1"}
			s.Storage = Storage{Backend: "s3", S3: S3{Bucket: "b", Endpoint: "https://h"}}
		}},
		"fewer clients than none": {"max_connections", func(s *Settings) { s.MaxConnections = -1 }},
		"more than are served":    {"max_connections_per_client", func(s *Settings) { s.MaxConnsPerClient = 200_001 }},
		"a stop in the past":      {"shutdown_delay", func(s *Settings) { s.ShutdownDelay = -1 }},
		"no time to finish":       {"shutdown_timeout", func(s *Settings) { s.ShutdownTimeout = 0 }},
		"younger than new":        {"content_max_age", func(s *Settings) { age := -1; s.ContentMaxAge = &age }},
		"no slash at start":       {"api_root", func(s *Settings) { s.APIRoot = "pulp/" }},
		"no slash at end":         {"api_root", func(s *Settings) { s.APIRoot = "/pulp" }},
		"double slash":            {"content_path_prefix", func(s *Settings) { s.ContentPathPrefix = "/a//b/" }},
		"content over API":        {"content_path_prefix", func(s *Settings) { s.ContentPathPrefix = "/pulp/" }},
		"origin without host":     {"content_origin", func(s *Settings) { s.ContentOrigin = text("example.org") }},
		"origin with user":        {"content_origin", func(s *Settings) { s.ContentOrigin = text("https://a:b@example.org") }},
		"empty origin":            {"content_origin", func(s *Settings) { s.ContentOrigin = text("") }},
		"a domain's name":         {"content_path_prefix", func(s *Settings) { s.DomainEnabled, s.ContentPathPrefix = true, "/pulp/files/" }},
		"storage in storage":      {"allowed_storage_paths", func(s *Settings) { s.AllowedStoragePaths = []string{s.Storage.Location + "/x"} }},
		"storage around it":       {"allowed_storage_paths", func(s *Settings) { s.AllowedStoragePaths = []string{s.DataDir} }},
		"metrics nowhere":         {"metrics_listen", func(s *Settings) { s.MetricsListen = "localhost" }},
		"metrics for a name":      {"metrics_allow", func(s *Settings) { s.MetricsAllow = []string{"localhost"} }},
		"traces nowhere":          {"telemetry.endpoint", func(s *Settings) { s.Telemetry.Endpoint = "127.0.0.1:4318" }},
		"traces with password":    {"telemetry.endpoint", func(s *Settings) { s.Telemetry.Endpoint = "https://a:b@h" }},
		"traces with a path":      {"telemetry.endpoint", func(s *Settings) { s.Telemetry.Endpoint = "http://127.0.0.1:4318/v1/traces" }},
		"too many traces":         {"telemetry.sampling", func(s *Settings) { s.Telemetry.Sampling = 1.5 }},
		"fewer than none":         {"telemetry.sampling", func(s *Settings) { s.Telemetry.Sampling = -0.1 }},
		"short key":               {"secret_key", func(s *Settings) { s.SecretKey = NewSecret("short") }},
		"unknown database":        {"database.url", func(s *Settings) { s.Database.URL = NewSecret("mysql://h/d") }},
		"relative database":       {"database.url", func(s *Settings) { s.Database.URL = NewSecret("sqlite://x/y.db") }},
		"no connections":          {"database.max_connections", func(s *Settings) { s.Database.MaxConnections = 0 }},
		"unknown queue":           {"redis_url", func(s *Settings) { s.RedisURL = NewSecret("http://h") }},
		"unknown backend":         {"storage.backend", func(s *Settings) { s.Storage.Backend = "azure" }},
		"half a key":              {"storage.s3.access_key", func(s *Settings) { s.Storage.S3.AccessKey = "a" }},
		"no bucket":               {"storage.s3.bucket", func(s *Settings) { s.Storage = Storage{Backend: "s3", S3: S3{Endpoint: "https://h"}} }},
		"no endpoint":             {"storage.s3.endpoint", func(s *Settings) { s.Storage = Storage{Backend: "s3", S3: S3{Bucket: "b"}} }},
		"endpoint no scheme":      {"storage.s3.endpoint", func(s *Settings) { s.Storage = Storage{Backend: "s3", S3: S3{Bucket: "b", Endpoint: "h:1"}} }},
		"no sha256":               {"allowed_content_checksums", func(s *Settings) { s.AllowedContentChecksums = []string{"sha512"} }},
		"unknown checksum":        {"allowed_content_checksums", func(s *Settings) { s.AllowedContentChecksums = []string{"sha256", "crc32"} }},
		"unknown diagnostics":     {"task_diagnostics", func(s *Settings) { s.TaskDiagnostics = []string{"memory", "everything"} }},
		"checksum twice":          {"allowed_content_checksums", func(s *Settings) { s.AllowedContentChecksums = []string{"sha256", "sha256"} }},
		"no plugins":              {"enabled_plugins", func(s *Settings) { s.EnabledPlugins = []string{} }},
		"no ttl":                  {"worker_ttl", func(s *Settings) { s.WorkerTTL = 0 }},
		"negative ttl":            {"api_app_ttl", func(s *Settings) { s.APIAppTTL = -1 }},
		"zero ttl":                {"content_app_ttl", func(s *Settings) { s.ContentAppTTL = 0 }},
		"no workers":              {"worker.concurrency", func(s *Settings) { s.Worker.Concurrency = 0 }},
		"no time to cancel":       {"task_cancel_limit", func(s *Settings) { s.TaskCancelLimit = 0 }},
		"negative limit":          {"task_limits.per_user", func(s *Settings) { s.TaskLimits.PerUser = -1 }},
		"negative for a group":    {"task_limits.groups", func(s *Settings) { s.TaskLimits.Groups = map[string]int{"a": 1, "b": -1} }},
		"negative for a kind":     {"task_limits.kinds", func(s *Settings) { s.TaskLimits.Kinds = map[string]int{"k": -1} }},
		"limit for nothing":       {"task_limits.kinds", func(s *Settings) { s.TaskLimits.Kinds = map[string]int{"": 1} }},
		"all places short":        {"worker.short_places", func(s *Settings) { s.Worker.ShortPlaces = s.Worker.Concurrency }},
		"negative places":         {"worker.short_places", func(s *Settings) { s.Worker.ShortPlaces = -1 }},
		"little memory":           {"worker.child_memory", func(s *Settings) { s.Worker.ChildMemory = 127 }},
		"no poll":                 {"worker.poll_interval", func(s *Settings) { s.Worker.PollInterval = 0 }},
		"name":                    {"worker_name_template", func(s *Settings) { s.WorkerNameTemplate = "{pid}{id}" }},
		"open brace":              {"worker_name_template", func(s *Settings) { s.WorkerNameTemplate = "{pid" }},
		"no name":                 {"worker_name_template", func(s *Settings) { s.WorkerNameTemplate = "" }},
		"negative protection":     {"orphan_protection_time", func(s *Settings) { s.OrphanProtectionTime = -1 }},
		"password cache":          {"authentication.cache_seconds", func(s *Settings) { s.Authentication.CacheSeconds = 61 }},
		"no session":              {"authentication.session_days", func(s *Settings) { s.Authentication.SessionDays = 0 }},
		"no page":                 {"page_size", func(s *Settings) { s.PageSize = 0 }},
		"no body":                 {"max_body_size", func(s *Settings) { s.MaxBodySize = 0 }},
		"level":                   {"log.level", func(s *Settings) { s.Log.Level = "INFO" }},
		"format":                  {"log.format", func(s *Settings) { s.Log.Format = "xml" }},
		"nothing to share by":     {"cache_enabled", func(s *Settings) { s.CacheEnabled = true }},
		"shared for no time":      {"cache_settings.expires_ttl", func(s *Settings) { s.Cache.ExpiresTTL = new(int) }},
		"egress with a scheme":    {"egress.allow", func(s *Settings) { s.Egress.Allow = []string{"http://x"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := valid()
			c.change(&s)
			err := s.Validate()
			fault, ok := errors.AsType[*Fault](err)
			if !ok || fault.Key != c.key || strings.Contains(err.Error(), "\n") {
				t.Errorf("want one fault on %s, got: %v", c.key, err)
			}
		})
	}
}

func TestRulesLetPass(t *testing.T) {
	t.Parallel()
	origin := "https://p.example.org:8443"
	for name, change := range map[string]func(s *Settings){
		"all": func(*Settings) {},
		"s3": func(s *Settings) {
			s.Storage = Storage{Backend: "s3", S3: S3{Endpoint: "http://127.0.0.1:9", Bucket: "b", AccessKey: "a", SecretKey: NewSecret("s")}}
		},
		"postgres":  func(s *Settings) { s.Database.URL = NewSecret("postgres://u:p@/d?host=/run/postgresql") },
		"redis":     func(s *Settings) { s.RedisURL = NewSecret("redis://:p@h:6379/0") },
		"roots":     func(s *Settings) { s.APIRoot, s.ContentPathPrefix = "/", "/content/" },
		"origin":    func(s *Settings) { s.ContentOrigin = &origin },
		"checksums": func(s *Settings) { s.AllowedContentChecksums = []string{"md5", "sha1", "sha256"} },
		"egress":    func(s *Settings) { s.Egress.Allow = []string{"10.0.0.0/8", "::1", "mirror.example.org"} },
		"any port":  func(s *Settings) { s.Listen = "[::]:0" },
		"limits": func(s *Settings) {
			s.TaskLimits = TaskLimits{PerUser: 3, Groups: map[string]int{"ci": 2, "free": 0}, Kinds: map[string]int{"a.b": 1}}
			s.Worker.ShortPlaces = s.Worker.Concurrency - 1
		},
		"one place": func(s *Settings) { s.Worker.Concurrency = 1 },
		"shared": func(s *Settings) {
			s.CacheEnabled, s.Cache.ExpiresTTL, s.RedisURL = true, nil, NewSecret("redis://h")
		},
		"no caching": func(s *Settings) { s.Authentication.CacheSeconds = 0 },
		"all places": func(s *Settings) { s.AllowedImportPaths, s.AllowedExportPaths = []string{"/a"}, []string{"/b"} },
	} {
		s := valid()
		change(&s)
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAllRulesAreReported breaks several rules; each must be named.
func TestAllRulesAreReported(t *testing.T) {
	t.Parallel()
	s := valid()
	s.PageSize, s.APIRoot, s.Log.Level = 0, "x", "loud"
	for _, key := range []string{"page_size", "api_root", "log.level"} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), key+": ") {
			t.Errorf("%s is not reported: %v", key, err)
		}
	}
}

func valid() Settings {
	s := Defaults()
	s.DataDir = "/srv/packhouse"
	return s.WithDefaults()
}
