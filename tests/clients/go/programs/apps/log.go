package main

import (
	"context"
	"log/slog"
	"sync"
)

// log keeps the lines that an app logs: level and message, with its attributes.
type log struct {
	lock  sync.Mutex
	lines [][2]string
}

func (l *log) logger() *slog.Logger { return slog.New(l) }

// take returns the lines since the last call.
func (l *log) take() [][2]string {
	l.lock.Lock()
	defer l.lock.Unlock()
	taken := append([][2]string{}, l.lines...)
	l.lines = nil
	return taken
}

func (l *log) Enabled(context.Context, slog.Level) bool { return true }

func (l *log) Handle(_ context.Context, record slog.Record) error {
	message := record.Message
	record.Attrs(func(attribute slog.Attr) bool {
		message += " " + attribute.String()
		return true
	})
	l.lock.Lock()
	defer l.lock.Unlock()
	l.lines = append(l.lines, [2]string{record.Level.String(), message})
	return nil
}

func (l *log) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *log) WithGroup(string) slog.Handler      { return l }
