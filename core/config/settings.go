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
	DomainEnabled     bool    `koanf:"domain_enabled" default:"false" doc:"Several tenants in one installation. Not available yet."`
	SecretKey         Secret  `koanf:"secret_key" secret:"true" derived:"generated, kept in data_dir/keys/secret.key" doc:"Will sign redirects to guarded content; at least 32 characters, the same for all processes."`
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
	TaskPreferDefer    bool   `koanf:"task_prefer_defer" default:"false" doc:"Never run short tasks inside the request."`

	OrphanProtectionTime                  int  `koanf:"orphan_protection_time" default:"1440" doc:"Minutes that content without a repository is kept; 0 turns the scheduled clean-up off."`
	UploadProtectionTime                  int  `koanf:"upload_protection_time" default:"0" doc:"Minutes after which an unfinished upload is removed; 0 means never."`
	TaskProtectionTime                    int  `koanf:"task_protection_time" default:"0" doc:"Minutes after which a finished task is removed; 0 means never."`
	TmpfileProtectionTime                 int  `koanf:"tmpfile_protection_time" default:"0" doc:"Minutes after which a temporary file is removed; 0 means never."`
	HideGuardedDistributions              bool `koanf:"hide_guarded_distributions" default:"false" doc:"Leave guarded distributions out of listings for people."`
	DistributedPublicationRetentionPeriod int  `koanf:"distributed_publication_retention_period" default:"259200" doc:"Seconds that a superseded publication is still served."`
	RedactUnsafeExceptions                bool `koanf:"redact_unsafe_exceptions" default:"true" doc:"Show a general message instead of the text of an unforeseen error."`
	RemoteContentFetchFailureCooldown     int  `koanf:"remote_content_fetch_failure_cooldown" default:"300" doc:"Seconds that a failing source is left alone."`

	AllowedImportPaths []string       `koanf:"allowed_import_paths" path:"true" doc:"Folders that file:// remotes and imports may read."`
	AllowedExportPaths []string       `koanf:"allowed_export_paths" path:"true" doc:"Folders that exports may write to."`
	Egress             Egress         `koanf:"egress"`
	Authentication     Authentication `koanf:"authentication"`
	PageSize           int            `koanf:"page_size" default:"100" doc:"Results of a list when the client does not say how many."`
	MaxBodySize        int64          `koanf:"max_body_size" default:"16777216" doc:"Largest JSON body of a request, in bytes."`
	Log                Log            `koanf:"log"`
	AccessLog          bool           `koanf:"access_log" default:"true" doc:"Log every request."`
	CacheEnabled       bool           `koanf:"cache_enabled" default:"false" doc:"Keep answers of the content server in Redis."`
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
	Concurrency  int           `koanf:"concurrency" default:"4" doc:"Tasks that one worker process runs side by side."`
	PollInterval time.Duration `koanf:"poll_interval" default:"20ms" doc:"Longest time between looks at the queue of this process."`
}

// Egress says what remotes may reach.
type Egress struct {
	Allow []string `koanf:"allow" doc:"Private addresses, networks or host names that remotes may still reach."`
}

// Authentication says how long a proof of identity lasts.
type Authentication struct {
	CacheSeconds int `koanf:"cache_seconds" default:"60" doc:"Seconds that a checked password is remembered, at most 60; 0 turns it off."`
	SessionDays  int `koanf:"session_days" default:"14" doc:"Days that a log-in of the web pages lasts."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `koanf:"level" default:"info" doc:"debug, info, warn or error."`
	Format string `koanf:"format" default:"text" doc:"text or json."`
}
