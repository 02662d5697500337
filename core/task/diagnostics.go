package task

import (
	"encoding/json"
	"slices"
	"strings"
)

// What can be recorded of a task while it runs on a worker.
const (
	// MemoryProfile is how much memory the process used, as text.
	MemoryProfile = "memory_profile"
	// CPUProfile and HeapProfile are profiles of the process in the format of pprof.
	CPUProfile  = "cpu_profile"
	HeapProfile = "heap_profile"
	// TaskLogs is the task's own log from the level DEBUG on, as text.
	TaskLogs = "task_logs"
)

// Diagnostics are the names of all that can be recorded.
func Diagnostics() []string { return []string{MemoryProfile, CPUProfile, HeapProfile, TaskLogs} }

// AskedDiagnostics are the names of what the words of a request ask for, as far as they are allowed. Unknown words ask
// for nothing, as clients may know other kinds. Both lists may use the words of the contract (rest-contract §1.4), of
// which those that name a profiler of another language stand for what comes nearest.
func AskedDiagnostics(words, allowed []string) []string {
	asked, may := named(words), named(allowed)
	return slices.DeleteFunc(asked, func(name string) bool { return !slices.Contains(may, name) })
}

// named are names for words, each once and in the order of Diagnostics.
func named(words []string) (names []string) {
	have := map[string]bool{}
	for _, word := range words {
		switch word = strings.ToLower(strings.TrimSpace(word)); word {
		case "memory":
			word = MemoryProfile
		case "pyinstrument":
			word = CPUProfile
		case "memray":
			word = HeapProfile
		case "logs", "debug-logs":
			word = TaskLogs
		}
		have[word] = true
	}
	for _, name := range Diagnostics() {
		if have[name] {
			names = append(names, name)
		}
	}
	return names
}

// DiagnosticsJSON are names as a row keeps them; NULL where there are none.
func DiagnosticsJSON(names []string) []byte {
	if len(names) == 0 {
		return nil
	}
	text, err := json.Marshal(names)
	if err != nil {
		panic("task: a list of texts did not become JSON: " + err.Error())
	}
	return text
}

// diagnostics are the names of what is to be recorded of the run.
func (r *Run) diagnostics() (names []string) {
	if err := json.Unmarshal(r.o.Row.Diagnostics, &names); err != nil {
		return nil // there are none
	}
	return named(names)
}
