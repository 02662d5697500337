package node

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/packhouse/packhouse/core/config"
	"github.com/packhouse/packhouse/core/errs"
)

// Mode says which machines a process runs.
type Mode string

// The modes. Serve is everything in one process; the others run side by side, any number of each.
const (
	Serve   Mode = "serve"
	API     Mode = "api"
	Content Mode = "content"
	Worker  Mode = "worker"
)

// appTypes are the types under which a process of the mode reports itself, the worker apart. The first one runs
// immediate tasks.
func (m Mode) appTypes() []string {
	switch m {
	case Serve:
		return []string{"api", "content"}
	case API, Content:
		return []string{string(m)}
	}
	return nil
}

func (m Mode) api() bool     { return m == Serve || m == API }
func (m Mode) content() bool { return m == Serve || m == Content }
func (m Mode) worker() bool  { return m == Serve || m == Worker }

// dispatches tells whether the mode hands out or runs tasks, and so needs Redis, which may be away for a while, and the key file.
func (m Mode) dispatches() bool { return m != Content }

// listen is the address of the mode and its setting; both empty for a worker.
func (m Mode) listen(s config.Settings) (address, setting string) {
	switch m {
	case Serve:
		return s.Listen, "listen"
	case API:
		return s.APIListen, "api_listen"
	case Content:
		return s.ContentListen, "content_listen"
	}
	return "", ""
}

// fits checks that the settings suit the mode: processes that run side by side cannot share what lives in one of them.
func (m Mode) fits(s config.Settings) error {
	if m == Serve || m == Child {
		return nil
	}
	var faults []error
	if embedded(s) {
		faults = append(faults, errs.New(errs.Invalid, "packhouse %s needs PostgreSQL, the embedded database belongs to packhouse serve: set database.url to postgres://user:password@host/name", m))
	}
	if m.dispatches() && s.RedisURL.Empty() {
		faults = append(faults, errs.New(errs.Invalid, "packhouse %s needs Redis, the queue inside the process belongs to packhouse serve: set redis_url to redis://:password@host:6379/0", m))
	}
	return errors.Join(faults...)
}

// embedded tells whether the database is a file of SQLite.
func embedded(s config.Settings) bool { return DatabaseFile(s) != "" }

// DatabaseFile is the file of the embedded database; empty when the settings name a server.
func DatabaseFile(s config.Settings) string {
	u, err := url.Parse(s.Database.URL.Reveal())
	if err != nil || u.Scheme != "sqlite" {
		return ""
	}
	return u.Path
}

// mustBeKnown panics for a mode that does not exist: a mistake in the wiring.
func (m Mode) mustBeKnown() {
	if !m.api() && !m.content() && !m.worker() && m != Child {
		panic(fmt.Sprintf("node: no mode is called %q", string(m)))
	}
}
