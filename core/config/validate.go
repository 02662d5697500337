package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minSecretKey is the least length of secret_key, in characters.
const minSecretKey = 32

// Validate checks each setting and how they fit together. It reads and writes nothing, and reports all faults at
// once, joined, each a *Fault that names its setting.
func (s Settings) Validate() error {
	var all []error
	for _, f := range s.faults() {
		all = append(all, f)
	}
	return errors.Join(all...)
}

// faults runs the rules.
func (s Settings) faults() []*Fault {
	c := &checker{}
	s.checkPlaces(c)
	s.checkAddresses(c)
	s.checkProxies(c)
	s.checkStorage(c)
	s.checkDomains(c)
	s.checkNumbers(c)
	s.checkTaskLimits(c)
	s.checkChoices(c)
	s.checkObserving(c)
	s.checkCache(c)
	s.checkLDAP(c)
	return c.faults
}

// checker collects faults.
type checker struct{ faults []*Fault }

func (c *checker) must(ok bool, key, format string, args ...any) {
	if !ok {
		c.faults = append(c.faults, &Fault{Key: key, Message: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) oneOf(key, value string, known ...string) {
	c.must(slices.Contains(known, value), key, "%q is not known; choose one of %s", value, strings.Join(known, ", "))
}

func (s Settings) checkPlaces(c *checker) {
	c.must(s.DataDir != "", "data_dir", "must name a folder")
	for _, p := range []struct{ key, path string }{
		{"data_dir", s.DataDir}, {"db_encryption_key", s.DBEncryptionKey},
		{"working_directory", s.WorkingDirectory}, {"storage.location", s.Storage.Location}, {"access_log_file", s.AccessLogFile},
	} {
		c.must(p.path == "" || filepath.IsAbs(p.path), p.key, "%q must be an absolute path", p.path)
	}
	for _, p := range []struct {
		key   string
		paths []string
	}{{"allowed_import_paths", s.AllowedImportPaths}, {"allowed_export_paths", s.AllowedExportPaths}, {"allowed_storage_paths", s.AllowedStoragePaths}} {
		for _, path := range p.paths {
			c.must(filepath.IsAbs(path), p.key, "%q must be an absolute path", path)
			c.must(path != "/", p.key, "the whole file system cannot be allowed; name folders")
		}
	}
}

func (s Settings) checkAddresses(c *checker) {
	for _, a := range []struct{ key, address string }{{"listen", s.Listen}, {"api_listen", s.APIListen}, {"content_listen", s.ContentListen}} {
		_, port, err := net.SplitHostPort(a.address)
		_, wrong := strconv.ParseUint(port, 10, 16)
		c.must(err == nil && wrong == nil, a.key, "%q must be address:port, such as 127.0.0.1:24817", a.address)
	}
	slashes := regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)*$`)
	c.must(slashes.MatchString(s.APIRoot), "api_root", "%q must begin and end with a slash and hold plain path segments, such as /pulp/", s.APIRoot)
	c.must(slashes.MatchString(s.ContentPathPrefix), "content_path_prefix", "%q must begin and end with a slash and hold plain path segments, such as /pulp/content/", s.ContentPathPrefix)
	c.must(!strings.HasPrefix(s.APIRoot+"api/v3/", s.ContentPathPrefix), "content_path_prefix", "%q would hide the API under %q; choose another path", s.ContentPathPrefix, s.APIRoot)
	if s.ContentOrigin != nil {
		u, err := url.Parse(*s.ContentOrigin)
		ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
		c.must(ok, "content_origin", "must be scheme and host, such as https://packages.example.org, or null")
	}
	checkURL(c, "database.url", s.Database.URL, "sqlite:///path/to/file.db or postgres://user:password@host/name", "sqlite", "postgres", "postgresql")
	checkURL(c, "redis_url", s.RedisURL, "redis://:password@host:6379/0", "redis", "rediss", "unix")
	for _, a := range s.Egress.Allow {
		c.must(isNetwork(a), "egress.allow", "%q must be an address, a network such as 10.0.0.0/8, or a host name", a)
	}
}

// checkURL checks the scheme and never quotes the address, which may hold a password.
func checkURL(c *checker, key string, address Secret, example string, schemes ...string) {
	if address.Empty() {
		return
	}
	u, err := url.Parse(address.Reveal())
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" && u.Path == "" {
		c.must(false, key, "must be an address such as %s", example)
		return
	}
	c.must(u.Scheme != "sqlite" || u.Host == "" && filepath.IsAbs(u.Path), key, "must name the file with its full path: sqlite:///path/to/file.db")
}

func isNetwork(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	return regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`).MatchString(text)
}

func (s Settings) checkStorage(c *checker) {
	c.oneOf("storage.backend", s.Storage.Backend, "filesystem", "s3")
	s3 := s.Storage.S3
	c.must(s3.AccessKey == "" == s3.SecretKey.Empty(), "storage.s3.access_key", "access_key and secret_key belong together; set both or none")
	if s.Storage.Backend != "s3" {
		return
	}
	c.must(s3.Bucket != "", "storage.s3.bucket", "must be set when storage.backend is s3")
	u, err := url.Parse(s3.Endpoint)
	ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	c.must(ok, "storage.s3.endpoint", "must be an address such as https://s3.example.org when storage.backend is s3")
}

func (s Settings) checkNumbers(c *checker) {
	const day = 86400
	for _, n := range []struct {
		key              string
		value            int64
		lowest, greatest int64
	}{
		{"database.max_connections", int64(s.Database.MaxConnections), 1, 10000},
		{"worker.concurrency", int64(s.Worker.Concurrency), 1, 1000},
		{"worker.child_memory", int64(s.Worker.ChildMemory), 128, 1 << 24},
		{"api_app_ttl", int64(s.APIAppTTL), 1, day},
		{"content_app_ttl", int64(s.ContentAppTTL), 1, day},
		{"worker_ttl", int64(s.WorkerTTL), 1, day},
		{"task_grace_interval", int64(s.TaskGraceInterval), 0, 7 * day},
		{"task_cancel_limit", int64(s.TaskCancelLimit), 1, day},
		{"orphan_protection_time", int64(s.OrphanProtectionTime), 0, maxMinutes},
		{"upload_protection_time", int64(s.UploadProtectionTime), 0, maxMinutes},
		{"task_protection_time", int64(s.TaskProtectionTime), 0, maxMinutes},
		{"tmpfile_protection_time", int64(s.TmpfileProtectionTime), 0, maxMinutes},
		{"distributed_publication_retention_period", int64(s.DistributedPublicationRetentionPeriod), 0, 60 * maxMinutes},
		{"remote_content_fetch_failure_cooldown", int64(s.RemoteContentFetchFailureCooldown), 0, 60 * maxMinutes},
		{"pull_through.fresh", int64(s.PullThrough.Fresh), 0, 60 * maxMinutes},
		{"pull_through.missing", int64(s.PullThrough.Missing), 0, day},
		{"pull_through.max_size", s.PullThrough.MaxSize, 0, 1 << 50},
		{"authentication.cache_seconds", int64(s.Authentication.CacheSeconds), 0, 60},
		{"authentication.session_days", int64(s.Authentication.SessionDays), 1, 365},
		{"authentication.token_max_days", int64(s.Authentication.TokenMaxDays), 0, 3660},
		{"authentication.max_failures", int64(s.Authentication.MaxFailures), 0, 10000},
		{"authentication.lockout_seconds", int64(s.Authentication.LockoutSeconds), 1, day},
		{"audit.retention_days", int64(s.Audit.RetentionDays), 0, 36500},
		{"download_times", int64(s.DownloadTimes), 0, day},
		{"max_connections", int64(s.MaxConnections), 0, maxConnections},
		{"max_connections_per_client", int64(s.MaxConnsPerClient), 0, maxConnections},
		{"shutdown_delay", int64(s.ShutdownDelay), 0, 3600},
		{"shutdown_timeout", int64(s.ShutdownTimeout), 1, day},
		{"content_max_age", int64(valueOf(s.ContentMaxAge)), 0, 366 * day},
		{"content_memory", int64(s.ContentMemory), 0, 1 << 20},
		{"page_size", int64(s.PageSize), 1, 10000},
		{"max_body_size", s.MaxBodySize, 1024, 1 << 40},
	} {
		c.must(n.lowest <= n.value && n.value <= n.greatest, n.key, "%d must lie between %d and %d", n.value, n.lowest, n.greatest)
	}
	c.must(s.Worker.PollInterval > 0, "worker.poll_interval", "must be longer than nothing")
}

// maxConnections is as many as the HTTP library serves.
const maxConnections = 200_000

// valueOf is what may be null; that is 0.
func valueOf(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// maxMinutes is a hundred years: far beyond use, and far from overflow when it becomes a time.Duration.
const maxMinutes = 100 * 366 * 24 * 60

func (s Settings) checkChoices(c *checker) {
	c.oneOf("log.level", s.Log.Level, "debug", "info", "warn", "error")
	c.oneOf("log.format", s.Log.Format, "text", "json")
	c.oneOf("access_log_format", s.AccessLogFormat, "log", "common", "combined")
	c.oneOf("audit.reads", s.Audit.Reads, "none", "refused", "all")
	c.must(s.SecretKey.Empty() || len(s.SecretKey.Reveal()) >= minSecretKey, "secret_key", "must have at least %d characters", minSecretKey)
	c.must(s.EnabledPlugins == nil || len(s.EnabledPlugins) > 0, "enabled_plugins", "must name at least one plugin, or be null for all")
	const checksums = "allowed_content_checksums"
	for _, name := range s.AllowedContentChecksums {
		c.oneOf(checksums, name, "md5", "sha1", "sha224", "sha256", "sha384", "sha512")
	}
	for _, name := range s.TaskDiagnostics {
		c.oneOf("task_diagnostics", name, "memory_profile", "cpu_profile", "heap_profile", "task_logs", "memory", "pyinstrument", "memray", "logs", "debug-logs")
	}
	c.must(slices.Contains(s.AllowedContentChecksums, "sha256"), checksums, "must hold sha256, which stored bytes are known by")
	sorted := slices.Sorted(slices.Values(s.AllowedContentChecksums))
	c.must(reflect.DeepEqual(slices.Compact(slices.Clone(sorted)), sorted), checksums, "names a digest twice")
	c.must(s.WorkerNameTemplate != "", "worker_name_template", "must not be empty")
	for _, name := range regexp.MustCompile(`\{[^}]*\}?`).FindAllString(s.WorkerNameTemplate, -1) {
		c.oneOf("worker_name_template", name, "{pid}", "{hostname}", "{fqdn}")
	}
}
