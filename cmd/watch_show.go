package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// watchPicture shows a watch as a picture that fills the terminal. It is a model of Bubble Tea, which calls it from one
// goroutine.
type watchPicture struct {
	*sight
	app   *app
	from  string
	style *output.Style
	// again asks for an answer now.
	again chan<- struct{}

	width, height int
	// top is the first line of the body that is shown. furthest is the largest useful top: with it, the last line is
	// shown.
	top, furthest int
	help          bool
	picture       string
}

func newPicture(a *app, from string, known *sight, again chan<- struct{}) *watchPicture {
	return &watchPicture{sight: known, app: a, from: from, style: a.outStyle(), again: again}
}

// answered is an answer, or why there is none.
type answered struct {
	told board.Told
	err  error
}

// ticked says that time has passed.
type ticked struct{}

// run shows the picture until ctx ends or the user quits, and leaves the terminal as it was.
func (l *watchPicture) run(ctx context.Context, follow func(context.Context, func(board.Told, error))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	keys := l.app.in
	if !l.app.inTTY {
		keys = nil
	}
	program := tea.NewProgram(l, tea.WithInput(keys), tea.WithOutput(l.app.screen), tea.WithAltScreen(), tea.WithoutBracketedPaste(), tea.WithoutSignalHandler())
	defer context.AfterFunc(ctx, program.Quit)()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		follow(ctx, func(told board.Told, err error) { program.Send(answered{told, err}) })
	}()
	_, err := program.Run()
	stop()
	<-ended
	return err
}

// Init implements [tea.Model].
func (l *watchPicture) Init() tea.Cmd { return l.tick() }

// tick has the picture drawn again after a while: after a shorter while if something runs, because tenths of seconds
// are shown then.
func (l *watchPicture) tick() tea.Cmd {
	every := time.Second
	if status, ok := l.told.(*board.Status); ok && status.Running != nil {
		every = 200 * time.Millisecond
	}
	return tea.Tick(every, func(time.Time) tea.Msg { return ticked{} })
}

// Update implements [tea.Model].
func (l *watchPicture) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var next tea.Cmd
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		l.width, l.height = m.Width, m.Height
		if l.width == 0 || l.height == 0 { // a terminal that does not know its size
			l.width, l.height = 80, 24
		}
	case answered:
		l.take(m.told, m.err)
	case ticked:
		next = l.tick()
	case tea.KeyMsg:
		next = l.keys(m)
	}
	l.draw()
	return l, next
}

// keys does what keys ask for. Keys that are pressed fast come in one message.
func (l *watchPicture) keys(pressed tea.KeyMsg) (next tea.Cmd) {
	if pressed.Type != tea.KeyRunes || pressed.Alt {
		return l.key(pressed.String())
	}
	for _, r := range pressed.Runes {
		next = l.key(string(r))
		l.draw()
	}
	return next
}

// key does what a key asks for.
func (l *watchPicture) key(name string) tea.Cmd {
	page := max(l.height-6, 1) // some lines of the last page are seen again
	switch name {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "?":
		l.help, l.top = !l.help, 0
	case "r":
		select {
		case l.again <- struct{}{}:
		default: // an answer is asked for already
		}
	case "up", "k":
		l.top--
	case "down", "j":
		l.top++
	case "pgup", "b":
		l.top -= page
	case "pgdown", " ":
		l.top += page
	case "home", "g":
		l.top = 0
	case "end", "G":
		l.top = l.furthest
	}
	return nil
}

func (l *watchPicture) draw() {
	if l.width == 0 {
		return
	}
	screen := output.Screen{From: l.from, At: l.at(), Lost: l.lost, Top: l.top, Help: l.help}
	switch told := l.told.(type) {
	case *board.Status:
		screen.Status = told
	case *board.Fleet:
		screen.Fleet = told
	}
	if l.lost != "" {
		screen.LostFor = l.now().Sub(l.since)
	}
	l.picture, l.furthest = l.style.Screen(screen, l.width, l.height)
	l.top = min(max(l.top, 0), l.furthest)
}

// View implements [tea.Model].
func (l *watchPicture) View() string { return l.picture }

// watchLines shows a watch as lines: one for each change. As JSON, it writes a document in a line whenever the document
// has changed.
type watchLines struct {
	*sight
	app   *app
	style *output.Style
	// written is the document that was written last, as JSON without its times.
	written []byte
}

func newLines(a *app, known *sight) *watchLines {
	return &watchLines{sight: known, app: a, style: a.outStyle()}
}

// run writes until ctx ends or stdout cannot be written.
func (l *watchLines) run(ctx context.Context, follow func(context.Context, func(board.Told, error))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failure := l.show(nil, l.told)
	if failure != nil {
		return failure
	}
	if l.lost != "" {
		l.note("no answer: " + l.lost + "; asking again")
	}
	follow(ctx, func(told board.Told, err error) {
		before, was := l.told, l.lost
		l.take(told, err)
		switch {
		case err != nil && was != l.lost:
			l.note("no answer: " + l.lost + "; asking again")
		case err == nil:
			if was != "" {
				l.note("there are answers again")
			}
			if failure = l.show(before, told); failure != nil {
				stop()
			}
		}
	})
	return failure
}

func (l *watchLines) note(text string) {
	_, _ = io.WriteString(l.app.errs, l.app.errStyle().Note(text))
}

// show writes what is new since an earlier answer. Either may be nil.
func (l *watchLines) show(before, told board.Told) error {
	var text string
	switch now := told.(type) {
	case nil:
		return nil
	case *board.Status:
		earlier, _ := before.(*board.Status)
		text = l.style.Changes(earlier, now, l.now().Location())
	case *board.Fleet:
		earlier, _ := before.(*board.Fleet)
		text = l.style.FleetChanges(earlier, now, l.now().Location())
	}
	if l.app.settings.json {
		var err error
		if text, err = l.document(told); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(l.app.out, text); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// document returns an answer as JSON in a line. It returns "" if only the answer's times are new.
func (l *watchLines) document(told board.Told) (string, error) {
	l.app.written = true
	is, err := json.Marshal(told.Timeless())
	if err != nil || bytes.Equal(is, l.written) {
		return "", err
	}
	l.written = is
	text, err := board.JSON(told, "")
	return string(text), err
}
