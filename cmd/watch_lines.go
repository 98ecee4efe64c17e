package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// watchLines shows a watch as lines: one for each change. As JSON, it writes a document in a line whenever the document
// has changed.
type watchLines struct {
	*sight
	app   *app
	style *output.Style
	// told is the document that was written last, as JSON without its times.
	told []byte
}

func newLines(a *app, known *sight) *watchLines {
	return &watchLines{sight: known, app: a, style: a.outStyle()}
}

// run writes until ctx ends or stdout does.
func (l *watchLines) run(ctx context.Context, follow func(context.Context, func(*board.Status, error))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failure := l.show(nil, l.status)
	if failure != nil {
		return failure
	}
	if l.lost != "" {
		l.note("no answer: " + l.lost + "; asking again")
	}
	follow(ctx, func(status *board.Status, err error) {
		before, was := l.status, l.lost
		l.take(status, err)
		switch {
		case err != nil && was != l.lost:
			l.note("no answer: " + l.lost + "; asking again")
		case err == nil:
			if was != "" {
				l.note("there are answers again")
			}
			if failure = l.show(before, status); failure != nil {
				stop()
			}
		}
	})
	return failure
}

func (l *watchLines) note(text string) {
	_, _ = io.WriteString(l.app.errs, l.app.errStyle().Note(text))
}

// show writes what is new since an earlier status. Either status may be nil.
func (l *watchLines) show(before, status *board.Status) error {
	if status == nil {
		return nil
	}
	text := l.style.Changes(before, status, l.now().Location())
	if l.app.settings.json {
		var err error
		if text, err = l.document(status); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(l.app.out, text); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// document is a status as JSON in a line. It is empty if it has been told.
func (l *watchLines) document(status *board.Status) (string, error) {
	l.app.written = true
	timeless := *status
	timeless.Now, timeless.ReadAt = time.Time{}, nil
	is, err := json.Marshal(timeless)
	if err != nil || bytes.Equal(is, l.told) {
		return "", err
	}
	l.told = is
	text, err := board.JSON(status, "")
	return string(text), err
}
