package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	user     = "admin"
	password = "Correct-horse-7"
	api      = "/pulp/api/v3/"
)

// system is a running Packhouse of one mode.
type system struct {
	mode string
	dir  string
	// apiAt and contentAt are host and port; the same in the embedded mode.
	apiAt, contentAt string
	database         string // its address, for what must be loaded fast
	environment      []string
	binary           string
	processes        []*process
	undo             []func() error
}

// start starts a Packhouse with an empty data folder, set up by environment variables: names without the prefix, each
// before its value.
func (b *bench) start(ctx context.Context, mode string, settings ...string) (*system, error) {
	s, err := b.prepare(ctx, mode)
	if err != nil {
		return nil, err
	}
	for pair := range slices.Chunk(settings, 2) {
		s.set(pair[0], pair[1])
	}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// prepare makes all that the mode needs, but starts nothing yet.
func (b *bench) prepare(ctx context.Context, mode string) (*system, error) {
	dir, err := b.folderFor(mode)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	s := &system{mode: mode, dir: dir, binary: b.binary, database: "sqlite://" + filepath.Join(data, "packhouse.db"),
		environment: []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "PACKHOUSE_DATA=" + data, "PACKHOUSE_ADMIN_PASSWORD=" + password}}
	s.later(func() error { return os.RemoveAll(dir) })
	steps := []func(context.Context) error{s.choosePorts}
	if mode != embedded {
		steps = append(steps, s.useServers)
	}
	if mode == withS3 {
		steps = append(steps, s.useS3)
	}
	if mode != embedded {
		steps = append(steps, s.migrate)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

func (s *system) later(f func() error) { s.undo = append(s.undo, f) }

func (s *system) set(name, value string) {
	s.environment = append(s.environment, "PACKHOUSE_"+name+"="+value)
}

func (s *system) choosePorts(ctx context.Context) (err error) {
	if s.apiAt, err = sparePort(ctx); err != nil {
		return err
	}
	s.contentAt = s.apiAt
	if s.mode == embedded {
		s.set("LISTEN", s.apiAt)
		return nil
	}
	if s.contentAt, err = sparePort(ctx); err != nil {
		return err
	}
	s.set("API_LISTEN", s.apiAt)
	s.set("CONTENT_LISTEN", s.contentAt)
	return nil
}

// useServers gives the system a database in PostgreSQL and one in Redis.
func (s *system) useServers(ctx context.Context) error {
	admin, err := required("PACKHOUSE_TEST_POSTGRES")
	if err != nil {
		return err
	}
	var drop func() error
	if s.database, drop, err = newDatabase(ctx, admin); err != nil {
		return err
	}
	s.later(drop)
	s.set("DATABASE__URL", s.database)
	queue, err := required("PACKHOUSE_TEST_REDIS")
	if err != nil {
		return err
	}
	u, err := url.Parse(queue)
	if err != nil {
		return errors.New("PACKHOUSE_TEST_REDIS is no address")
	}
	// The runner's Redis has ten thousand databases and keeps nothing; the low ones are for tests.
	u.Path = "/" + strconv.Itoa(5000+rand.IntN(4999))
	s.set("REDIS_URL", u.String())
	return nil
}

// useS3 gives the system a bucket, which it makes itself.
func (s *system) useS3(context.Context) error {
	text, err := required("PACKHOUSE_TEST_S3")
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("PACKHOUSE_TEST_S3 is no address")
	}
	secret, _ := u.User.Password()
	for name, value := range map[string]string{
		"BACKEND": "s3", "S3__ENDPOINT": u.Scheme + "://" + u.Host, "S3__ACCESS_KEY": u.User.Username(), "S3__SECRET_KEY": secret,
		"S3__BUCKET": fmt.Sprintf("bench-%d", rand.Uint64())} {
		s.set("STORAGE__"+name, value)
	}
	return nil
}

func required(variable string) (string, error) {
	if v := os.Getenv(variable); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("%s says nothing; run this through make bench, which starts the servers", variable)
}

// migrate makes the tables and the first user of a split system.
func (s *system) migrate(ctx context.Context) error {
	p, err := startProcess(s.dir, "migrate", s.environment, s.binary, "migrate")
	if err != nil {
		return err
	}
	select {
	case <-p.gone:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), p.stop())
	}
	if !p.command.ProcessState.Success() {
		return fmt.Errorf("packhouse migrate failed; its log ends:\n%s", p.tail())
	}
	return nil
}

// launch starts the processes and returns when they answer.
func (s *system) launch(ctx context.Context) error {
	commands := []string{"serve"}
	if s.mode != embedded {
		commands = []string{"worker", "content", "api"}
	}
	for _, name := range commands {
		p, err := startProcess(s.dir, name, s.environment, s.binary, name)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
	}
	last := s.processes[len(s.processes)-1]
	return last.until(ctx, func() bool { return answers(ctx, "http://"+s.apiAt+api+"status/") && listens(ctx, s.contentAt) })
}

// answers tells whether a URL gives 200.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// halt ends the processes but keeps the data.
func (s *system) halt() error {
	var faults []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		faults = append(faults, s.processes[i].stop())
	}
	s.processes = nil
	return errors.Join(faults...)
}

// stop ends the processes and removes everything.
func (s *system) stop() error {
	faults := []error{s.halt()}
	for i := len(s.undo) - 1; i >= 0; i-- {
		faults = append(faults, s.undo[i]())
	}
	return errors.Join(faults...)
}

// memory adds up the processes' memory in MiB; see process.memory.
func (s *system) memory(key string) (float64, error) {
	sum := 0.0
	for _, p := range s.processes {
		one, err := p.memory(key)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

// stopAndSay is stop for a defer: what cannot be cleared away is told and does not spoil the figures.
func (s *system) stopAndSay() {
	if err := s.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: stop what was measured:", err)
	}
}
