package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is a child that is sent signals.
type process struct {
	cmd     *exec.Cmd
	working chan struct{} // closed when it is at work, or has ended
	ended   chan struct{}

	told []string // what it acknowledged, once it has ended
	err  error    // how it ended
}

// start starts a child and waits until it is at work.
func start(ctx context.Context, s scenario, c childConfig) (*process, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{working: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, self, "-scenario", s.name, "-child", string(config)) //nolint:gosec // this program
	var complaints strings.Builder
	p.cmd.Stderr = &complaints
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(out)
		for at := 0; lines.Scan(); at++ {
			if at == 0 {
				close(p.working)
				continue
			}
			p.told = append(p.told, lines.Text())
		}
		if err := p.cmd.Wait(); err != nil {
			p.err = fmt.Errorf("%w: %s", err, complaints.String())
		}
	}()
	select {
	case <-p.working:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("a child ended before it worked: %w", p.err)
	}
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// stop asks the child to stop and answers how long it took.
func (p *process) stop() (time.Duration, error) {
	began := time.Now()
	if err := p.signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	<-p.ended
	return time.Since(began), p.err
}
