package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/packhouse/packhouse/cmd/node"
	"github.com/packhouse/packhouse/tasks/child"
)

// runTask is the command that a process starts its children with.
const runTask = "run-task"

// inherited is how the parent was told its settings, beside the environment, which the child has too. It is not told
// with flags: those can be seen by everybody on the host.
type inherited struct {
	ConfigFiles []string `json:"config_files,omitempty"`
	Sets        []string `json:"sets,omitempty"`
	Data        string   `json:"data,omitempty"`
}

func (c *commands) runTask() *cobra.Command {
	return &cobra.Command{
		Use:     runTask,
		Hidden:  true,
		Short:   "Run one task for the worker that starts this",
		Long:    `Is started by a worker, for a task that runs in a process of its own; see the setting worker.isolate.`,
		Example: `  packhouse run-task`,
		Args:    words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			answer, err := child.AnswerTo()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, answer.Close()) }()
			// detached: signals for a whole service are for the worker, which tells its children what to do.
			ctx := context.WithoutCancel(cmd.Context())
			return child.Serve(ctx, c.Stdin, answer, func() { os.Exit(exitFailed) }, c.doTask)
		},
	}
}

// doTask runs the task in the settings of the parent. The log is read by the parent, so it has one form.
func (c *commands) doTask(ctx context.Context, order child.Order) (any, error) {
	var from inherited
	if err := json.Unmarshal(order.Settings, &from); err != nil {
		return nil, fmt.Errorf("read the settings that the worker hands on: %w", err)
	}
	c.configFiles, c.sets, c.data = from.ConfigFiles, from.Sets, from.Data
	l, err := c.load("", map[string]string{"log.format": "json"})
	if err != nil {
		return nil, err
	}
	return node.RunTask(ctx, node.Options{Registry: l.registry, Loaded: l.Loaded, Log: l.log, Version: c.Version}, order)
}

// children says how this process starts children; nil where it cannot.
func (c *commands) children() (*child.Runner, error) {
	if c.Program == "" {
		return nil, nil
	}
	settings, err := json.Marshal(inherited{ConfigFiles: c.configFiles, Sets: c.sets, Data: c.data})
	if err != nil {
		return nil, fmt.Errorf("write down the settings for the processes of tasks: %w", err)
	}
	return &child.Runner{Program: c.Program, Args: []string{runTask}, Settings: settings}, nil
}

// ownProgram is the file that this process runs; empty when that cannot be found out. Where the kernel tells, it is the
// file itself, also when another one has taken its name since, as an upgrade does.
func ownProgram() string {
	const itself = "/proc/self/exe"
	if _, err := os.Stat(itself); err == nil {
		return itself
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}
