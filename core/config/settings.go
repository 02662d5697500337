package config

import "time"

// Settings are all settings of the core. Names follow the established names of this kind of server in lower case.
//
// Tags: koanf is the key, default the default as an operator would write it in the environment, derived (for people
// only) what WithDefaults fills in, doc the line of the manual, secret "true" or, for an address whose password is
// hidden, "url"; path marks a file or folder, which is made absolute; nullable allows null where the type does not say so.
type Settings struct {
	DataDir           string  `koanf:"data_dir" default:"./packhouse-data" path:"true" doc:"Folder of everything that Packhouse keeps on this host. Must be given for api, content and worker."`
	Listen            string  `koanf:"listen" default:"127.0.0.1:24817" doc:"Address and port of packhouse serve."`
	APIListen         string  `koanf:"api_listen" default:"127.0.0.1:24817" doc:"Address and port of packhouse api."`
	ContentListen     string  `koanf:"content_listen" default:"127.0.0.1:24816" doc:"Address and port of packhouse content."`
	APIRoot           string  `koanf:"api_root" default:"/pulp/" doc:"Path that the REST API lives under; begins and ends with a slash."`
	ContentOrigin     *string `koanf:"content_origin" doc:"Public scheme and host of the content server, such as https://packages.example.org; null makes content addresses relative."`
	ContentPathPrefix string  `koanf:"content_path_prefix" default:"/pulp/content/" doc:"Path that content is served under; begins and ends with a slash."`
	DomainEnabled     bool    `koanf:"domain_enabled" default:"false" doc:"Several tenants in one installation, each with a path of its own; see operators/domains.md."`
	SecretKey         Secret  `koanf:"secret_key" secret:"true" derived:"generated, kept in data_dir/keys/secret.key" doc:"Signs addresses of guarded content and log-ins with a provider that are under way; at least 32 characters, the same for all processes."`
	DBEncryptionKey   string  `koanf:"db_encryption_key" path:"true" derived:"data_dir/keys/database.key" doc:"File with the keys that seal secrets in the database."`
	AdminPassword     Secret  `koanf:"admin_password" secret:"true" doc:"Password given to the admin user at first start."`

	Database Database `koanf:"database"`
	RedisURL Secret   `koanf:"redis_url" secret:"url" doc:"Redis that carries wake-ups, such as redis://:password@host:6379/0; empty runs one inside the process."`
	Storage  Storage  `koanf:"storage"`

	RedirectToObjectStorage bool     `koanf:"redirect_to_object_storage" default:"true" doc:"Send clients to a signed address of the object storage instead of passing the bytes through."`
	WorkingDirectory        string   `koanf:"working_directory" path:"true" derived:"data_dir/tmp" doc:"Scratch folder of tasks and uploads; best on the file system of storage.location."`
	AllowedContentChecksums []string `koanf:"allowed_content_checksums" default:"sha224,sha256,sha384,sha512" doc:"Digests that are computed and accepted; sha256 is required, md5 and sha1 are known."`
	EnabledPlugins          []string `koanf:"enabled_plugins" nullable:"true" doc:"Labels of the plugins in use; null means all that are built in."`

	APIAppTTL          int    `koanf:"api_app_ttl" default:"120" doc:"Seconds after which a silent API process counts as gone."`
	ContentAppTTL      int    `koanf:"content_app_ttl" default:"30" doc:"Seconds after which a silent content process counts as gone."`
	WorkerTTL          int    `koanf:"worker_ttl" default:"30" doc:"Seconds after which a silent worker counts as gone."`
	WorkerNameTemplate string `koanf:"worker_name_template" default:"{pid}@{hostname}" doc:"Name under which a process reports itself; may hold {pid}, {hostname} and {fqdn}."`
	Worker             Worker `koanf:"worker"`
	TaskGraceInterval  int    `koanf:"task_grace_interval" default:"600" doc:"Seconds that a stopping worker gives its tasks to finish."`
	TaskCancelLimit    int    `koanf:"task_cancel_limit" default:"30" doc:"Seconds after which a canceled task that goes on is ended without its consent."`
	TaskPreferDefer    bool   `koanf:"task_prefer_defer" default:"false" doc:"Never run short tasks inside the request."`

	TaskDiagnostics []string   `koanf:"task_diagnostics" default:"memory_profile,cpu_profile,heap_profile,task_logs" doc:"What requests may have recorded of their tasks with the header X-Task-Diagnostics; empty is nothing."`
	TaskLimits      TaskLimits `koanf:"task_limits"`

	OrphanProtectionTime                  int  `koanf:"orphan_protection_time" default:"1440" doc:"Minutes that content without a repository is kept; 0 turns the scheduled clean-up off."`
	UploadProtectionTime                  int  `koanf:"upload_protection_time" default:"0" doc:"Minutes after which an unfinished upload is removed; 0 means never."`
	TaskProtectionTime                    int  `koanf:"task_protection_time" default:"0" doc:"Minutes after which a finished task is removed; 0 means never."`
	TmpfileProtectionTime                 int  `koanf:"tmpfile_protection_time" default:"0" doc:"Minutes after which a temporary file is removed; 0 means never."`
	HideGuardedDistributions              bool `koanf:"hide_guarded_distributions" default:"false" doc:"Leave guarded distributions out of listings for people."`
	DistributedPublicationRetentionPeriod int  `koanf:"distributed_publication_retention_period" default:"259200" doc:"Seconds that the files of a superseded publication are still served where they were; 0 ends them at once. See operators/answers.md."`
	RedactUnsafeExceptions                bool `koanf:"redact_unsafe_exceptions" default:"true" doc:"Show a general message instead of the text of an unforeseen error."`
	RemoteContentFetchFailureCooldown     int  `koanf:"remote_content_fetch_failure_cooldown" default:"300" doc:"Seconds that a failing source is left alone."`

	AllowedImportPaths  []string       `koanf:"allowed_import_paths" path:"true" doc:"Folders that file:// remotes and imports may read."`
	AllowedStoragePaths []string       `koanf:"allowed_storage_paths" path:"true" doc:"Folders that storages of domains may be in; empty means the folder domains in data_dir."`
	AllowedExportPaths  []string       `koanf:"allowed_export_paths" path:"true" doc:"Folders that exports may write to."`
	Egress              Egress         `koanf:"egress"`
	PullThrough         PullThrough    `koanf:"pull_through"`
	Authentication      Authentication `koanf:"authentication"`
	TrustedProxies      []string       `koanf:"trusted_proxies" doc:"Addresses and networks of the reverse proxies whose headers about client, scheme, host and user are believed; empty believes none."`
	Authorizers         []Instance     `koanf:"authorizers" doc:"Checks beyond roles that a request must pass, all of them, in this order."`
	AccessPolicies      map[string]any `koanf:"access_policies" doc:"Access policies in place of the built-in ones, by endpoint such as repositories/file/file; each with statements, creation_hooks, queryset_scoping."`
	PageSize            int            `koanf:"page_size" default:"100" doc:"Results of a list when the client does not say how many."`
	MaxBodySize         int64          `koanf:"max_body_size" default:"16777216" doc:"Largest JSON body of a request, in bytes."`
	Log                 Log            `koanf:"log"`
	AccessLog           bool           `koanf:"access_log" default:"true" doc:"Log every request."`
	AccessLogFormat     string         `koanf:"access_log_format" default:"log" doc:"Form of the lines about requests: log, which is that of the log; common or combined, which are those of web servers."`
	AccessLogFile       string         `koanf:"access_log_file" path:"true" doc:"File that the lines about requests are appended to, opened anew at SIGHUP; empty puts them where the log goes."`
	DownloadTimes       int            `koanf:"download_times" default:"60" doc:"Seconds between two writes of which content was downloaded today; 0 does not keep when content was last downloaded."`
	Audit               Audit          `koanf:"audit"`
	MetricsListen       string         `koanf:"metrics_listen" doc:"Address and port at which this process tells its metrics and its health, such as 127.0.0.1:9095; empty tells them at /metrics of its own port, and those of a worker nowhere."`
	MetricsAllow        []string       `koanf:"metrics_allow" default:"127.0.0.0/8,::1" doc:"Addresses and networks that may read the metrics; empty lets nobody."`
	Telemetry           Telemetry      `koanf:"telemetry"`
	MaxConnections      int            `koanf:"max_connections" default:"0" doc:"Connections that clients of this process may have open at a time; more are answered 503. 0 is half the number of files that the process may have open."`
	MaxConnsPerClient   int            `koanf:"max_connections_per_client" default:"0" doc:"How many of them one address may have, or one /64 network of IPv6; more are answered 429. Those of trusted_proxies are not counted; 0 sets no limit."`
	ShutdownDelay       int            `koanf:"shutdown_delay" default:"0" doc:"Seconds that a process which was told to stop goes on taking requests, while /readyz says no: as long as a load balancer takes to notice."`
	ShutdownTimeout     int            `koanf:"shutdown_timeout" default:"60" doc:"Seconds that requests and downloads then have to finish; what is left is broken off."`
	ContentMaxAge       *int           `koanf:"content_max_age" doc:"Seconds that caches may use what no guard protects without asking again, told as Cache-Control: max-age; null tells nothing."`
	ContentMemory       int            `koanf:"content_memory" default:"128" doc:"MiB in which the content server remembers what it has looked up, and small files; what changes in the database is noticed within a second. 0: it looks up for every request."`
	ContentSendfile     string         `koanf:"content_sendfile" default:"off" doc:"Web server in front that sends stored files itself, told by X-Accel-Redirect or X-Sendfile: off, nginx or apache. It must be in trusted_proxies and may read storage.location; see operators/web-servers.md."`
	CacheEnabled        bool           `koanf:"cache_enabled" default:"false" doc:"Share what the content server has looked up with its other processes, through redis_url; see operators/answers.md."`
	Cache               Cache          `koanf:"cache_settings"`
}

// Cache says how answers of the content server are shared.
type Cache struct {
	ExpiresTTL *int `koanf:"expires_ttl" default:"600" doc:"Seconds that a shared answer counts, if what it is about does not change before; null is a day."`
}

// Database says where the rows are.
type Database struct {
	URL            Secret `koanf:"url" secret:"url" derived:"sqlite://data_dir/packhouse.db" doc:"sqlite:///path/to/file.db or postgres://user:password@host/name."`
	MaxConnections int    `koanf:"max_connections" default:"20" doc:"Largest number of open connections of one process."`
}

// Storage says where the bytes are.
type Storage struct {
	Backend  string `koanf:"backend" default:"filesystem" doc:"filesystem or s3."`
	Location string `koanf:"location" path:"true" derived:"data_dir/media" doc:"Folder of the filesystem storage."`
	S3       S3     `koanf:"s3"`
}

// S3 is the object storage, used when storage.backend is "s3".
type S3 struct {
	Endpoint  string `koanf:"endpoint" doc:"Address of the object storage, such as https://s3.example.org."`
	Bucket    string `koanf:"bucket" doc:"Bucket that holds the bytes."`
	Region    string `koanf:"region" default:"us-east-1" doc:"Region of the bucket."`
	AccessKey string `koanf:"access_key" doc:"Access key; wanted when the backend is s3."`
	SecretKey Secret `koanf:"secret_key" secret:"true" doc:"Secret key that belongs to the access key."`
	Prefix    string `koanf:"prefix" doc:"Put before every key, so that a bucket can be shared."`
	PathStyle bool   `koanf:"path_style" default:"true" doc:"Bucket in the path, not in the host name."`
}

// Worker says how tasks are run.
type Worker struct {
	Concurrency  int           `koanf:"concurrency" default:"8" doc:"Tasks that one worker process runs side by side."`
	ShortPlaces  int           `koanf:"short_places" default:"0" doc:"Places of a worker that long work, such as syncs, never takes; 0 is a quarter of them, but at least one where there are two."`
	PollInterval time.Duration `koanf:"poll_interval" default:"250ms" doc:"Longest time between looks at the queue of this process; what is dispatched wakes it at once."`
	Isolate      []string      `koanf:"isolate" doc:"Kinds of tasks, such as pulp_file.app.tasks.synchronizing.synchronize, that run in a process of their own; see operators/tasks.md."`
	ChildMemory  int           `koanf:"child_memory" default:"1024" doc:"Memory that a process of worker.isolate may use, in MiB; beyond it is ended."`
}

// TaskLimits say how many tasks run side by side, on all workers together; 0, and what is missing, is no limit.
type TaskLimits struct {
	PerUser int            `koanf:"per_user" default:"0" doc:"Tasks of one user that run side by side, on all workers together; 0 sets no limit."`
	Groups  map[string]int `koanf:"groups" doc:"Tasks of the members of a group of users that run side by side, by name of the group; 0 sets no limit."`
	Kinds   map[string]int `koanf:"kinds" doc:"Tasks of a kind that run side by side, by name of the kind such as pulp_file.app.tasks.synchronizing.synchronize; 0 sets no limit."`
}

// Egress says what remotes may reach.
type Egress struct {
	Allow []string `koanf:"allow" doc:"Addresses, networks or host names that remotes may reach although loopback, link-local and metadata addresses are refused; private networks need no entry."`
}

// PullThrough says how distributions that have a remote ask their upstream.
type PullThrough struct {
	Fresh   int   `koanf:"fresh" default:"3600" doc:"Seconds that a file which a distribution has pulled from its remote is served without asking again whether it has changed; 0 asks each time."`
	Missing int   `koanf:"missing" default:"60" doc:"Seconds that it counts that the upstream has no such file; 0 asks each time."`
	MaxSize int64 `koanf:"max_size" default:"0" doc:"Largest file that is pulled, in bytes; 0 sets no limit."`
}

// Authentication says what proves an identity, how long, and how often somebody may be wrong.
type Authentication struct {
	CacheSeconds  int        `koanf:"cache_seconds" default:"60" doc:"Seconds that a checked password is remembered, at most 60; 0 turns it off."`
	SessionDays   int        `koanf:"session_days" default:"14" doc:"Days that a log-in of the web pages lasts."`
	OIDC          []Instance `koanf:"oidc" doc:"OpenID Connect providers that people may log in with."`
	TokenExchange []Instance `koanf:"token_exchange" doc:"Rules by which a token of another issuer is exchanged for a short-lived one; the first that fits decides."`
	LDAP          LDAP       `koanf:"ldap"`

	TokenMaxDays   int `koanf:"token_max_days" default:"0" doc:"Longest life of an API token in days, which is also what one gets that asks for none; 0 sets no limit."`
	MaxFailures    int `koanf:"max_failures" default:"10" doc:"Failed log-ins for one name from one address until both together are locked out; ten times as many lock the name for new addresses, or the address; 0 counts none."`
	LockoutSeconds int `koanf:"lockout_seconds" default:"300" doc:"Seconds that a lock-out lasts, and after which failed log-ins are forgotten."`

	RemoteUserHeader   string `koanf:"remote_user_header" doc:"Header in which a trusted proxy names the user it has authenticated, such as Remote-User; empty turns it off."`
	JSONHeader         string `koanf:"json_header" doc:"Header in which a trusted proxy gives base64 of JSON about the user; empty turns it off."`
	JSONHeaderJQFilter string `koanf:"json_header_jq_filter" doc:"jq filter that selects the user name from json_header; begins with a dot, such as .identity.user.username."`
	CreateRemoteUsers  bool   `koanf:"create_remote_users" default:"true" doc:"Create the users that a trusted proxy names and nobody knows; otherwise they are refused."`
}

// Audit says what is recorded of who does what.
type Audit struct {
	Enabled       bool   `koanf:"enabled" default:"true" doc:"Record who changes what, and who is refused, in the database."`
	Reads         string `koanf:"reads" default:"refused" doc:"Which requests that change nothing are recorded too: none, refused or all."`
	RetentionDays int    `koanf:"retention_days" default:"0" doc:"Days that the audit log goes back; 0 keeps it for ever."`
}

// Telemetry says where traces go.
type Telemetry struct {
	Endpoint string  `koanf:"endpoint" doc:"Collector that takes traces with OTLP over HTTP, such as http://127.0.0.1:4318; empty makes none."`
	Sampling float64 `koanf:"sampling" default:"1" doc:"Part of the requests that is traced, from 0 to 1."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `koanf:"level" default:"info" doc:"debug, info, warn or error."`
	Format string `koanf:"format" default:"text" doc:"text or json."`
}

// LDAP says how people of a directory log in with their password there; see docs/operators/single-sign-on.md.
type LDAP struct {
	URL                string            `koanf:"url" doc:"Directory whose people may log in, such as ldaps://ldap.example.org; empty asks none."`
	StartTLS           bool              `koanf:"start_tls" default:"false" doc:"Begin TLS on the connection of an ldap:// address."`
	AllowPlaintext     bool              `koanf:"allow_plaintext" default:"false" doc:"Send passwords over ldap:// without TLS to another host: whoever is on the way reads them."`
	CAFile             string            `koanf:"ca_file" path:"true" doc:"File with the certificates (PEM) that the directory's is checked with; empty takes those of the system."`
	BindDN             string            `koanf:"bind_dn" doc:"Who looks people up, such as cn=packhouse,ou=services,dc=example,dc=org; empty looks without a name."`
	BindPassword       Secret            `koanf:"bind_password" secret:"true" doc:"Password of bind_dn."`
	UserBase           string            `koanf:"user_base" doc:"Entry that people are below, such as ou=people,dc=example,dc=org."`
	UserFilter         string            `koanf:"user_filter" default:"(uid=%s)" doc:"Filter that finds a person; %s is the name that was typed."`
	UsernameAttribute  string            `koanf:"username_attribute" default:"uid" doc:"Attribute that the user is called by here."`
	FirstNameAttribute string            `koanf:"first_name_attribute" default:"givenName" doc:"Attribute with the first name."`
	LastNameAttribute  string            `koanf:"last_name_attribute" default:"sn" doc:"Attribute with the last name."`
	EmailAttribute     string            `koanf:"email_attribute" default:"mail" doc:"Attribute with the mail address."`
	GroupBase          string            `koanf:"group_base" doc:"Entry that groups are below; empty looks for no groups."`
	GroupFilter        string            `koanf:"group_filter" default:"(member=%s)" doc:"Filter that finds the groups of a person; %s is the person's entry, %u the value of username_attribute."`
	GroupNameAttribute string            `koanf:"group_name_attribute" default:"cn" doc:"Attribute that a group is called by."`
	GroupMap           map[string]string `koanf:"group_map" doc:"Groups here by group of the directory: membership of these follows the directory at each log-in."`
	RequiredGroup      string            `koanf:"required_group" doc:"Group of the directory that people must be in; empty lets all in."`
	SuperuserGroup     string            `koanf:"superuser_group" doc:"Group of the directory whose people are superusers here, and nobody else of the directory; empty leaves that to the administrator."`
	CreateUsers        bool              `koanf:"create_users" default:"true" doc:"Make a user for a person who logs in for the first time."`
	Timeout            time.Duration     `koanf:"timeout" default:"5s" doc:"Longest time for the answer to a log-in."`
}
