// Package config turns defaults, plugin overlays, files, environment and flags into one typed Settings value.
//
// Every layer is read into assignments that know where they were written; the merge keeps them as the trail of each
// value, so "where does this come from?" always has an answer. The type of a value comes from the schema, which is
// the Settings struct itself (and the structs of plugins), never from how the value looks. All faults of all layers
// are reported together. Nothing here is global: what the process offers comes in through Options.
package config

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/packhouse/packhouse/core/errs"
)

// Options is what Load reads from. FromProcess fills it from the running process.
type Options struct {
	// Plugins are all plugins of this binary, also those without settings, in overlay order (lowest first).
	Plugins []Plugin
	// Files are the files of --config, lowest first. They must exist. Empty means PACKHOUSE_CONFIG, then System.
	Files []string
	// System is the file that is read, if it exists, when no file is named. Empty means none.
	System string
	// Environ holds "NAME=value" as os.Environ gives it.
	Environ []string
	// Flags are settings from the command line, by setting key; "data" and "listen" stand for --data and --listen.
	Flags map[string]string
	// Mode is the command that runs: "serve", "api", "content", "worker", or empty for all others.
	Mode string
	// Dir is the folder that relative paths start from; empty is the working folder of the process.
	Dir string
}

// SystemFile is where an installed Packhouse keeps its settings.
const SystemFile = "/etc/packhouse/config.yaml"

// Loaded is the outcome of Load: the settings and how they came about.
type Loaded struct {
	// Settings are complete and valid.
	Settings Settings
	// Files are the files that were read, lowest first.
	Files []string
	// Enabled are the labels of the plugins in use, in the order of Options.Plugins.
	Enabled []string

	schema *schema
	leaves leaves
}

// FromProcess gives the options for this process: its environment and the system file.
func FromProcess() Options {
	return Options{System: SystemFile, Environ: os.Environ()}
}

// Load reads all layers and returns valid settings, or an errs.Invalid error with every fault that was found, each
// with the place it was written at. The Settings structs of enabled and disabled plugins are filled only on success.
func Load(o Options) (*Loaded, error) {
	checkMode(o.Mode)
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find the working folder that relative paths start from: %w", err)
		}
		o.Dir = dir
	}
	s := newSchema(o.Plugins)
	given, files, faults := readOperator(s, o)
	enabled, wrong := enabledPlugins(s, o.Plugins, given)
	faults = append(faults, wrong...)
	overlays, wrong := readOverlays(s, o.Plugins, enabled)
	faults = append(faults, wrong...)

	m := newMerge(s)
	m.apply(overlays)
	m.freeze()
	m.apply(given)
	m.resolvePaths(o.Dir)
	loaded := &Loaded{Files: files, Enabled: enabled, schema: s, leaves: m.leaves}
	faults = append(faults, loaded.bindInstances(o.Environ)...)
	if len(faults) == 0 {
		faults = loaded.decode(o)
	}
	if len(faults) > 0 {
		return nil, errs.New(errs.Invalid, "the settings cannot be used, mend this and start again:\n%w", errors.Join(faults...))
	}
	return loaded, nil
}

// decode fills Settings and the plugins' structs and checks them.
func (l *Loaded) decode(o Options) []error {
	if err := decodeInto(l.leaves, "", &l.Settings); err != nil {
		return []error{err}
	}
	l.Settings = l.Settings.WithDefaults()
	l.noteDerived()
	faults := l.withOrigins(l.Settings.faults())
	if slices.Contains(services(), o.Mode) && l.leaves["data_dir"].isDefault() {
		faults = append(faults, &Fault{Key: "data_dir", Message: fmt.Sprintf("packhouse %s shares its data with other "+
			"processes, so the folder must be said: set data_dir, PACKHOUSE_DATA or --data", o.Mode)})
	}
	if len(faults) > 0 {
		return faults
	}
	for _, p := range o.Plugins {
		faults = append(faults, l.decodePlugin(p)...)
	}
	return faults
}

// services are the modes that run as one process among several.
func services() []string { return []string{"api", "content", "worker"} }

// checkMode panics for a mode that no command has: a mistake in the wiring, not of the operator.
func checkMode(mode string) {
	if mode != "" && mode != "serve" && !slices.Contains(services(), mode) {
		panic(fmt.Sprintf("config: no mode is called %q", mode))
	}
}

// readOperator reads what people wrote: files, environment, flags, in this order.
func readOperator(s *schema, o Options) ([]assignment, []string, []error) {
	env := newEnvironment(o.Environ)
	paths, faults := findFiles(o, env.get("PACKHOUSE_CONFIG"))
	var all []assignment
	for _, path := range paths {
		given, wrong := readFile(s, path)
		all, faults = append(all, given...), append(faults, wrong...)
	}
	for _, read := range []func() ([]assignment, []error){
		func() ([]assignment, []error) { return readEnvironment(s, env) },
		func() ([]assignment, []error) { return readFlags(s, o.Flags) },
	} {
		given, wrong := read()
		all, faults = append(all, given...), append(faults, wrong...)
	}
	return all, paths, faults
}
