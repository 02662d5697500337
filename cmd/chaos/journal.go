package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// journal is a file in which a process notes what no database may forget. A line is there once it is handed to the
// system: processes are killed here, the machine is not.
type journal struct{ file *os.File }

// journalSuffix ends the names of journals.
const journalSuffix = ".journal"

func openJournal(dir, name string) (*journal, error) {
	file, err := os.OpenFile(filepath.Join(dir, name+journalSuffix), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the journal of %s: %w", name, err)
	}
	return &journal{file: file}, nil
}

// note writes one line at once. A journal that cannot be written makes every check worthless, so that panics.
func (j *journal) note(words ...string) {
	if _, err := j.file.WriteString(strings.Join(words, " ") + "\n"); err != nil {
		panic("chaos: write the journal: " + err.Error())
	}
}

// begun notes that the work of a task has begun.
func (j *journal) begun(id string) { j.note("begun", id) }

// violated notes what must not be.
func (j *journal) violated(id, what string) { j.note("violation", id, what) }

// returned notes that the work came to its end, well or not.
func (j *journal) returned(id string, err error) {
	if err != nil {
		j.note("failed", id)
		return
	}
	j.note("done", id)
}

// committed notes that the dispatch of a task was committed before now.
func (j *journal) committed(id string) {
	j.note("committed", id, strconv.FormatInt(time.Now().UnixNano(), 10))
}

// notes are all journals of a round together.
type notes struct {
	// begun, done and failed count how often the work of a task was begun, and returned well or with an error.
	begun, done, failed map[string]int
	// committed is the moment at which a dispatch was committed for certain.
	committed map[string]time.Time
	// violations is what a process has seen itself.
	violations []string
}

func newNotes() *notes {
	return &notes{begun: map[string]int{}, done: map[string]int{}, failed: map[string]int{}, committed: map[string]time.Time{}}
}

func readJournals(dir string) (*notes, error) {
	n := newNotes()
	files, err := filepath.Glob(filepath.Join(dir, "*"+journalSuffix))
	if err != nil {
		return n, err
	}
	for _, path := range files {
		if err := n.read(path); err != nil {
			return n, fmt.Errorf("read the journal %s: %w", filepath.Base(path), err)
		}
	}
	return n, nil
}

func (n *notes) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // opened for reading
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if err := n.take(strings.Fields(lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (n *notes) take(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("a line has the words %q", words)
	}
	switch words[0] {
	case "begun":
		n.begun[words[1]]++
	case "done":
		n.done[words[1]]++
	case "failed":
		n.failed[words[1]]++
	case "committed":
		if len(words) < 3 {
			return fmt.Errorf("a line has the words %q", words)
		}
		nanos, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return err
		}
		n.committed[words[1]] = time.Unix(0, nanos)
	case "violation":
		n.violations = append(n.violations, "task "+strings.Join(words[1:], " "))
	default:
		return fmt.Errorf("a line begins with %q", words[0])
	}
	return nil
}
