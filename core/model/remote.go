package model

import "time"

// Remote is the master row of a place where content comes from. Secrets are sealed; see core/remote for their purposes.
type Remote struct {
	Base
	PulpType string
	Name     string
	URL      string `gorm:"column:url"`
	Policy   Policy
	// CACert and ClientCert are PEM blocks.
	CACert        *string `gorm:"column:ca_cert"`
	ClientCert    *string
	ClientKey     []byte
	TLSValidation bool    `gorm:"column:tls_validation"`
	ProxyURL      *string `gorm:"column:proxy_url"`
	ProxyUsername []byte
	ProxyPassword []byte
	Username      []byte
	Password      []byte
	// MaxRetries is how often a failed download is tried again; nil is the default of core/remote.
	MaxRetries *int64
	// The timeouts are in seconds; nil and 0 are the defaults of core/remote.
	TotalTimeout, ConnectTimeout, SockConnectTimeout, SockReadTimeout *float64
	// Headers is a JSON array of objects, each a header's name with its value; order and repetitions are kept.
	Headers JSON
	// DownloadConcurrency is how many downloads run side by side, RateLimit how many begin in a second.
	DownloadConcurrency, RateLimit *int64
	PulpLabels                     Labels
}

// TableName names the table.
func (Remote) TableName() string { return "core_remotes" }

// Policy says when the files of synced content are downloaded.
type Policy string

// The policies: during the sync; when a client first asks; whenever a client asks, without ever keeping them.
const (
	Immediate Policy = "immediate"
	OnDemand  Policy = "on_demand"
	Streamed  Policy = "streamed"
)

// RemoteArtifact says where a file of a unit of content can be fetched and what it must be.
type RemoteArtifact struct {
	ContentID    string `gorm:"primaryKey"`
	RelativePath string `gorm:"primaryKey"`
	RemoteID     string `gorm:"primaryKey"`
	URL          string `gorm:"column:url"`
	// Size and the digests are nil where the upstream does not tell them. Digests is a JSON object of those other
	// than SHA-256.
	Size    *int64
	SHA256  *string `gorm:"column:sha256"`
	Digests JSON
	// Alternate marks a place of an alternate content source.
	Alternate bool
	// FailedAt is when the place was last found to be broken; it is left alone for a while then.
	FailedAt *time.Time
}

// TableName names the table.
func (RemoteArtifact) TableName() string { return "core_remote_artifacts" }

// AlternateContentSource is the master row of a place that has files of other remotes, nearer or cheaper.
type AlternateContentSource struct {
	Base
	PulpType      string
	Name          string
	RemoteID      string
	LastRefreshed *time.Time
}

// TableName names the table.
func (AlternateContentSource) TableName() string { return "core_alternate_content_sources" }

// AlternatePath is a path below an alternate content source and the hidden repository of what was found there.
type AlternatePath struct {
	ID           string `gorm:"primaryKey"`
	ACSID        string `gorm:"column:acs_id"`
	Path         string
	RepositoryID *string
}

// TableName names the table.
func (AlternatePath) TableName() string { return "core_alternate_content_source_paths" }
