package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// frame is how long one picture of the spinner stands.
const frame = 100 * time.Millisecond

// Progress shows what goes on. If it is live, it keeps a picture of the running steps at the bottom of a terminal and
// prints what is finished above the picture. If it is not live, it prints a line at each start and end. It is safe for
// concurrent use: mu guards the fields below mu. Close must be called.
type Progress struct {
	style *Style
	live  bool
	now   func() time.Time
	stop  chan struct{}
	ended chan struct{}

	mu     sync.Mutex
	out    io.Writer
	closed bool
	// work says what is being done, and begun since when; both are shown while no step runs. work is empty if nothing
	// is being done.
	work      string
	begun     time.Time
	previewed bool
	running   []started
	// drawn is the number of lines of the picture on the terminal.
	drawn int
	// said are the diagnostics of this run of the engine. before are the diagnostics of earlier runs, which are not
	// shown again.
	said, before map[scale.Diagnostic]bool
	// alike are the diagnostics of this run without their resources. If an error comes for one more resource, its
	// message is not spelled out again.
	alike map[scale.Diagnostic]bool
	// noted are the remarks that have been made. Without them each retry would make its remarks again.
	noted map[string]bool
}

// started is a step that runs.
type started struct {
	step scale.ResourceStep
	at   time.Time
}

// NewProgress makes a progress that writes to out. If live is true, it draws a picture, which needs a terminal.
func NewProgress(out io.Writer, style *Style, live bool, now func() time.Time) *Progress {
	p := newProgress(out, style, live, now)
	if live {
		go p.animate()
	} else {
		close(p.ended)
	}
	return p
}

func newProgress(out io.Writer, style *Style, live bool, now func() time.Time) *Progress {
	return &Progress{
		out: out, style: style, live: live, now: now, stop: make(chan struct{}), ended: make(chan struct{}),
		said: map[scale.Diagnostic]bool{}, before: map[scale.Diagnostic]bool{}, alike: map[scale.Diagnostic]bool{}, noted: map[string]bool{},
	}
}

func (p *Progress) animate() {
	defer close(p.ended)
	ticks := time.NewTicker(frame)
	defer ticks.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticks.C:
			p.mu.Lock()
			p.print("")
			p.mu.Unlock()
		}
	}
}

// Close takes the picture away and leaves the terminal as it was. It may be called more than once.
func (p *Progress) Close() {
	p.Rest()
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	if first {
		close(p.stop)
	}
	<-p.ended
}

// Work says what is being done until there is something else to tell. It shows only on a terminal.
func (p *Progress) Work(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work, p.begun = clean(text), p.now()
}

// Rest takes the picture away until there is work again. This makes room for a question or a result.
func (p *Progress) Rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work, p.running = "", nil
	p.print("")
}

// Print writes text above the picture. The text must end with a newline if there is a picture.
func (p *Progress) Print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(text)
}

// Said says whether a diagnostic has been shown.
func (p *Progress) Said(d scale.Diagnostic) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said[d] || p.before[d]
}

// Observe shows an event. It is a [scale.Observe].
func (p *Progress) Observe(event scale.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case scale.EngineStarted:
		p.engine(e)
	case scale.StepStarted:
		p.start(e)
	case scale.StepDone:
		p.done(e)
	case scale.Diagnosed:
		p.diagnosed(e)
	case scale.Retrying:
		p.work, p.begun, p.running = "waiting for the retry", p.now(), nil
		p.print(p.style.eventText(event))
	case scale.Waiting:
		p.work, p.begun = "waiting", p.now()
		p.print(p.style.eventText(event))
	default:
		if text := p.style.eventText(event); !p.noted[text] {
			p.noted[text] = true
			p.print(text)
		}
	}
}

// diagnosed shows a message of the engine. An error that was shown for a different resource is not spelled out again.
// What a program prints is shown as often as a run of the engine prints it, but not again in later runs.
func (p *Progress) diagnosed(e scale.Diagnosed) {
	d := e.Diagnostic
	again, repeated := p.before[d], p.said[d] && d.Severity == "error"
	alike := p.alike[d.Alike()] && d.Severity == "error" && d.URN != ""
	p.said[d] = true
	if again || repeated {
		return
	}
	p.alike[d.Alike()] = true
	if alike {
		e.Message = "the same"
	}
	p.print(p.style.eventText(e))
}

func (p *Progress) engine(e scale.EngineStarted) {
	for d := range p.said {
		p.before[d] = true
	}
	clear(p.said)
	clear(p.alike)
	word := "updating"
	if e.Preview {
		word = "previewing"
	}
	p.work = clean(word + " " + strings.TrimPrefix(e.Message, "pulumiscale: "))
	p.begun, p.previewed, p.running = p.now(), e.Preview, nil
	if !p.live {
		p.print(p.work + "\n")
	}
}

func (p *Progress) start(e scale.StepStarted) {
	if p.previewed {
		return
	}
	p.running = append(p.running, started{step: e.Step, at: e.At})
	if !p.live {
		p.print(p.line(e.Step, operationOf(clean(e.Step.Op)).doing, ""))
	}
}

func (p *Progress) done(e scale.StepDone) {
	if p.previewed {
		return
	}
	took := ""
	for i, s := range p.running {
		if s.step.URN == e.Step.URN && s.step.Op == e.Step.Op {
			took = " (" + board.Elapsed(e.At.Sub(s.at)) + ")"
			p.running = append(p.running[:i:i], p.running[i+1:]...)
			break
		}
	}
	e = tidy(e)
	op := operationOf(e.Step.Op)
	if e.Failed {
		p.print(p.line(e.Step, p.style.red.Render(op.doing+" failed"), took))
		return
	}
	p.print(p.line(e.Step, op.done, took+summary(e.Step.Diffs)))
}

// line returns one line about a step.
func (p *Progress) line(step scale.ResourceStep, word, rest string) string {
	step = tidy(step)
	op := operationOf(step.Op)
	text := fmt.Sprintf(" %s %s %s %s%s", op.color(p.style).Render(fmt.Sprintf("%-2s", op.sign)), step.Type, step.Name, word, rest)
	if p.live {
		text = p.style.cut(" " + text) // indented like the picture, whose lines begin with a spinner
	}
	return text + "\n"
}
