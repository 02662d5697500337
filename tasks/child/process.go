package child

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// headroom is the part of the memory, in percent, from which the runtime of the child frees memory as hard as it can.
const headroom = 90

// process is one child.
type process struct {
	cmd    *exec.Cmd
	memory int64
	grace  time.Duration
	look   time.Duration
	log    *slog.Logger
	stdin  io.WriteCloser
	said   *lines
	// stop is closed when the child is to be told to end.
	stop chan struct{}

	// done is closed when the child is gone.
	done chan struct{}
	// heard is closed when answer or fault is set.
	heard  chan struct{}
	answer *answer
	fault  error
	// excess says that the child was ended because of its memory.
	excess bool
}

func (r *Runner) start(ctx context.Context, memory int64) (*process, error) {
	hear, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := r.prepare(ctx, memory)
	// Only the child has this end now, so that its death ends the pipe.
	defer func() { _ = tell.Close() }()
	p.cmd.ExtraFiles = []*os.File{tell} // descriptor 3, answerFile
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		_ = hear.Close()
		return nil, err
	}
	go p.hear(hear)
	go p.wait(hear)
	p.log.DebugContext(ctx, "a task runs in a process of its own", "pid", p.cmd.Process.Pid)
	return p, nil
}

func (r *Runner) prepare(ctx context.Context, memory int64) *process {
	log := r.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &process{
		memory: memory, grace: orElse(r.Grace, 5*time.Second), look: orElse(r.LookEvery, 50*time.Millisecond),
		log: log, stop: make(chan struct{}), done: make(chan struct{}), heard: make(chan struct{}),
		said: &lines{ctx: ctx, log: log},
		// detached: it is told to end, and has some time for that.
		cmd: exec.CommandContext(context.WithoutCancel(ctx), r.Program, r.Args...),
	}
	p.cmd.Args[0] = filepath.Base(os.Args[0]) // as people know the program, however it was found
	p.cmd.Env = append(os.Environ(), asChild+"=1", fmt.Sprintf("GOMEMLIMIT=%dB", memory/100*headroom))
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.SysProcAttr = attributes()
	p.cmd.WaitDelay = p.grace // something that the work has started may hold its output open
	return p
}

func orElse(d, standard time.Duration) time.Duration {
	if d <= 0 {
		return standard
	}
	return d
}

// tell gives the child its order, and later that it is to end. A child that does not listen ends without an answer,
// which says enough.
func (p *process) tell(o Order) {
	if err := writeFrame(p.stdin, o); err != nil {
		p.log.Debug("the process of a task did not take its order", "task", o.Task, "error", err)
		return
	}
	select {
	case <-p.stop:
		_ = writeFrame(p.stdin, stop{}) // it may be gone already
	case <-p.done:
	}
}

// hear waits for the answer.
func (p *process) hear(from *os.File) {
	defer close(p.heard)
	var a answer
	if p.fault = readFrame(from, &a); p.fault == nil {
		p.answer = &a
	}
	_ = from.Close()
}

// wait waits for the end of the child.
func (p *process) wait(answers *os.File) {
	defer close(p.done)
	_ = p.cmd.Wait() // the state of the process says how it ended
	// What it has started and left behind goes too. As long as that is there, nobody else gets the number of the group.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.said.close()
	// What the child wrote is there by now; something that outlives it must not keep the pipe open.
	_ = answers.SetReadDeadline(time.Now().Add(time.Second))
	<-p.heard
}

// guard returns when the child is gone, and sees to it that this comes about: when ctx ends, when it has answered, or
// when it uses too much memory.
func (p *process) guard(ctx context.Context) {
	look := time.NewTicker(p.look)
	defer look.Stop()
	canceled, heard := ctx.Done(), p.heard
	var late <-chan time.Time
	for {
		select {
		case <-p.done:
			return
		case <-canceled:
			canceled, late = nil, time.After(p.grace)
			close(p.stop)
		case <-heard:
			heard, late = nil, time.After(p.grace)
		case <-late:
			p.kill()
		case <-look.C:
			if !p.excess && p.tooLarge() {
				p.excess = true
				p.kill()
			}
		}
	}
}

// kill ends the child and what it has started.
func (p *process) kill() {
	pid := p.cmd.Process.Pid
	if p.cmd.Process.Signal(syscall.Signal(0)) == nil { // else the number may be somebody else's by now
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// signal is what ended the child; 0 when it was none.
func (p *process) signal() syscall.Signal {
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}

func (p *process) tooLarge() bool {
	used, err := resident(p.cmd.Process.Pid)
	return err == nil && used > p.memory
}
