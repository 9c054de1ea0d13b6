package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/internal/scratch"
)

// parent is another way to run a scenario's children than torture.
type parent struct {
	run func(ctx context.Context, s scenario, store string, times int, seed uint64) (result, error)
	not map[string]string // stores that the scenario is not for, and why
}

// parents are those of scenarios by name.
var parents = map[string]parent{
	"fleet": {fleet, map[string]string{"sqlite": "a file is one process's: a halted one would hold the others up"}},

	"graceful": {graceful, nil},
}

// lab is what outlives the children that send mails: the database and the mail
// server.
type lab struct {
	child  childConfig
	mails  *mailcatcher.Catcher
	p      *stack.Platform // the parent's own, which works in the end only
	sender *smtpmail.Sender
	drop   func()
}

func openLab(ctx context.Context, store string) (*lab, error) {
	dsn, drop, err := scratch.Make(ctx, store)
	if err != nil {
		return nil, err
	}
	l := &lab{drop: drop}
	l.mails, err = mailcatcher.Start(mailcatcher.Config{Refuse: func(string) *mailcatcher.Refusal {
		<-time.After(time.Duration(rand.IntN(50)) * time.Millisecond) //nolint:gosec // so that children are met in a conversation
		return nil
	}})
	if err == nil {
		l.child = childConfig{Store: store, DSN: dsn, SMTP: l.mails.Addr()}
		err = migrate(ctx, l.child)
	}
	if err == nil {
		drains := l.child
		drains.Drain = true
		l.p, l.sender, err = openMails(ctx, drains)
	}
	if err == nil {
		err = prepareMails(ctx, l.p)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// migrate makes the tables, that of effects among them.
func migrate(ctx context.Context, c childConfig) error {
	p, err := openWrites(ctx, c)
	if err != nil {
		return err
	}
	return p.Close()
}

func (l *lab) close() {
	if l.p != nil {
		_, _ = l.sender.Close(), l.p.Close()
	}
	if l.mails != nil {
		_ = l.mails.Close()
	}
	l.drop()
}

// readers are the consumers whose work must be done in the end.
var readers = []string{"crashlab", "contacts.events", "contacts.timeline", "segments", "automation", "messaging"}

// parked counts the events that consumers failed on.
func (l *lab) parked(ctx context.Context) (n int64, err error) {
	for _, name := range readers {
		backlog, fault := l.p.Log.Backlog(ctx, engage.DefaultShard, name)
		n, err = n+backlog.Parked, errors.Join(err, fault)
	}
	return n, err
}

// patience is how long the parent waits while nothing gets less.
const patience = time.Minute

// finish does what the children left, whose claims end by and by.
func (l *lab) finish(ctx context.Context) error {
	var before map[string]int64
	for since := time.Now(); ; {
		round, cancel := context.WithTimeout(ctx, patience/4)
		err := drainAll(round, l.p)
		late := round.Err() != nil
		cancel()
		if err != nil && !late {
			return err
		}
		left, err := l.left(ctx)
		if err != nil || len(left) == 0 {
			return err
		}
		if !maps.Equal(left, before) {
			before, since = left, time.Now()
		}
		if time.Since(since) > patience {
			return fmt.Errorf("nothing gets less: %v", left)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// left counts what is not done.
func (l *lab) left(ctx context.Context) (map[string]int64, error) {
	var rows []struct {
		State string `bun:"state"`
		N     int64  `bun:"n"`
	}
	err := l.p.Database.NewRaw(`SELECT state, count(*) AS n FROM engage_messaging_messages WHERE state IN ('planned', 'intended') GROUP BY state
		UNION ALL SELECT state, count(*) FROM engage_automation_runs WHERE state = 'running' GROUP BY state`).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	left := map[string]int64{}
	for _, row := range rows {
		left[row.State] = row.N
	}
	for _, name := range readers {
		backlog, err := l.p.Log.Backlog(ctx, engage.DefaultShard, name)
		if err != nil {
			return nil, err
		}
		if n := backlog.Slices + backlog.Parked; n > 0 {
			left[name] = n
		}
	}
	return left, nil
}

// check finishes what the children left and compares.
func (l *lab) check(ctx context.Context, acknowledged []string) (result, error) {
	if err := l.finish(ctx); err != nil {
		return result{}, err
	}
	found, err := writesCheck(ctx, l.child, acknowledged)
	if err == nil {
		err = checkMails(ctx, l.p, l.mails.Messages(), &found)
	}
	return found, err
}
