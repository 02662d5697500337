// Package cli is the command line of Packhouse: one file per command.
//
// What a command gives (a list, a document, the banner of packhouse serve) goes to standard output, everything that is
// said about it to standard error. The exit code is 0 when the command did what it was told, 1 when it failed, 2 when
// it was not understood, and 3 when `migrate --check` finds migrations that have not run.
package cli

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/packhouse/packhouse/core/app"
	"github.com/packhouse/packhouse/core/config"
)

// Process is what the command line uses of the process that it runs in. Main fills it; tests fill it in their own way.
type Process struct {
	// Version is that of the binary.
	Version string
	// Apps are those of the binary, the core's first.
	Apps []*app.App
	// Args are the words behind the name of the program.
	Args []string
	// Config says where settings come from; files and flags are added from Args.
	Config config.Options
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Terminal tells that a person reads Stdout.
	Terminal bool
	// Size is how large that terminal is, in characters; nil and zeros are not known.
	Size func() (columns, lines int)
	// Ask reads a line from the person at the terminal without showing it; nil when there is none.
	Ask func(ctx context.Context, prompt string) (string, error)
	// Hurry ends the waiting for running work when something arrives after the first request to stop.
	Hurry <-chan struct{}
	// Reload has a running process read its key file again.
	Reload <-chan struct{}
	// Program is the file of this program, for tasks that run in a process of their own; empty runs them inside this one.
	Program string
}

// Main runs the command that this process was started with and gives the exit code.
func Main(version string, apps ...*app.App) int {
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	ctx, hurry, reload := untilSignal(context.Background(), terminal || term.IsTerminal(int(os.Stdin.Fd())))
	p := Process{
		Version: version, Apps: apps, Args: os.Args[1:], Config: config.FromProcess(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: terminal, Size: func() (columns, lines int) { return sizeOf(os.Stdout) }, Hurry: hurry, Reload: reload, Program: ownProgram(),
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		p.Ask = ask
	}
	return p.Run(ctx)
}

// Run runs one command and gives the exit code. The end of ctx is the request to stop.
func (p Process) Run(ctx context.Context) int {
	p.Stderr = &shared{to: p.Stderr}
	c := &commands{Process: p}
	root := c.root()
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	return c.exitCode(root.ExecuteContext(ctx))
}
