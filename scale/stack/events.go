package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/span"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/process"
)

const (
	stackType = "pulumi:pulumi:Stack"
	// pollInterval is how often a running engine's event log is read. While there is no log yet, or while the
	// registered function of a [follower] has still to be called, startInterval counts instead. The end of the engine
	// ends the wait at once.
	pollInterval  = 50 * time.Millisecond
	startInterval = 5 * time.Millisecond
)

// follower turns the engine's events into events of PulumiScale, and gathers what a [scale.Result] needs of them.
type follower struct {
	operation string
	message   string
	observe   scale.Observe
	// locked is called once there is an event log. For an update without a preview, the CLI makes the log only when the
	// engine has its configuration and the stack's lock. On Pulumi Cloud the service has started the update by then.
	// locked may be nil.
	locked func()
	// opened is called once there is an event log, which shows that the backend has answered. It may be nil.
	opened func()
	// muted says that the engine's errors are ignored: we interrupted the engine before it had changed anything, and
	// its errors only say so.
	muted bool
	// heeds is called once the engine heeds an interrupt: see [follower.onceItHeeds]. engine is the process that is
	// paused until then: see [follower.hold]. If engine is nil, no process is paused.
	heeds  func()
	engine *os.Process
	// registered is called once the program has registered the stack with the engine, which shows that the program has
	// been read. It may be nil.
	registered func()

	// known are URNs by which a masked URN can be recognised.
	known []string

	hasBegun bool
	// hasStack says that the program has registered the stack.
	hasStack bool
	result   scale.Result
	open     map[string]scale.ResourceStep
	// process carries the engine's span in a trace, and spans are the spans of the open steps, by the keys of open.
	process     context.Context //nolint:containedctx // it is about the follower's one process
	spans       map[string]trace.Span
	done        []scale.ResourceStep
	diagnostics []scale.Diagnostic
	// failed are the URNs of the steps that failed.
	failed []string
	// complaints is the beginning of what the program has written to its stderr. Some language hosts, such as YAML's,
	// tell of the program's mistakes there.
	complaints strings.Builder
	// before is the rules' output that the engine found in the state; nil if the engine has not told it.
	before []byte
	// summary is the engine's word for its result; empty if the engine ended before it told one.
	summary string
	// unclean says that the engine may have left its lock behind.
	unclean bool
	// damaged says that the lock that the engine may have left is not whole. meetsDamaged says that the engine met such
	// a lock.
	damaged, meetsDamaged bool
}

// The errors that end the span of a step that does not succeed.
var (
	errStepFailed = errors.New("the step failed")
	errStepCutOff = errors.New("the engine ended before the step did")
)

func newFollower(operation, message string, observe scale.Observe) *follower {
	return &follower{
		operation: operation, message: message, observe: observe, open: map[string]scale.ResourceStep{},
		process: context.Background(), spans: map[string]trace.Span{},
	}
}

// scarcePatience is how long [follower.follow] goes on trying to open the event log after the engine's end, if the
// machine has no descriptors left.
const scarcePatience = time.Minute

// follow reads the event log as it grows, until ended is closed and all of it is read.
func (f *follower) follow(path string, ended <-chan struct{}) error {
	var file *os.File
	defer func() {
		if file != nil {
			_ = file.Close()
		}
	}()
	var pending []byte
	var scarce error // what keeps the log from being opened for now
	var endedAt time.Time
	for last := false; ; {
		if file == nil {
			opened, err := os.Open(path)
			scarce = nil
			if _, is := process.Exhaustion(err); is { // the engine works on, and we must know what it does
				scarce = err
			}
			switch {
			case err == nil:
				file = opened
				if !f.preview() {
					trace.SpanFromContext(f.process).AddEvent("the stack is locked")
				}
				if f.opened != nil {
					f.opened()
				}
				if f.locked != nil {
					f.locked()
				}
			case scarce == nil && !errors.Is(err, fs.ErrNotExist):
				return err
			}
		}
		if file != nil {
			var err error
			if pending, err = f.read(file, pending); err != nil {
				return err
			}
		}
		switch {
		case last && scarce == nil:
			return nil
		case last && time.Since(endedAt) > scarcePatience:
			return scarce
		}
		wait := pollInterval
		if file == nil || f.registered != nil && !f.hasStack {
			wait = startInterval
		}
		select {
		case <-ended:
			last, endedAt, ended = true, time.Now(), nil
		case <-time.After(wait):
		}
	}
}

// read handles what has been added to the event log. pending is the beginning of a line whose end was not in the log
// yet. read returns the beginning of the line whose end is not there now.
func (f *follower) read(file io.Reader, pending []byte) ([]byte, error) {
	defer f.hold()()
	more, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return f.consume(append(pending, more...)), nil
}

// consume handles every whole line and returns the rest. It skips a line that it cannot read as an event, because newer
// engines may write different ones.
func (f *follower) consume(text []byte) []byte {
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return text
		}
		var event loggedEvent
		// The engine writes with encoding/json, which is just as lenient.
		if fastjson.Unmarshal(line, &event, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil {
			f.handle(event)
		}
		text = rest
	}
}

// loggedEvent holds what is needed of an [apitype.EngineEvent]. The old and the new state of a resource make up most of
// an event. They are decoded only where they are needed, and not for the thousands of resources that an update leaves
// as they are.
type loggedEvent struct {
	Prelude    *struct{}                `json:"preludeEvent"`
	Diagnostic *apitype.DiagnosticEvent `json:"diagnosticEvent"`
	Summary    *apitype.SummaryEvent    `json:"summaryEvent"`
	Pre        *loggedStep              `json:"resourcePreEvent"`
	Outputs    *loggedStep              `json:"resOutputsEvent"`
	Failed     *loggedStep              `json:"resOpFailedEvent"`
}

type loggedStep struct {
	Metadata struct {
		apitype.StepEventMetadata
		Old jsontext.Value `json:"old"`
		New jsontext.Value `json:"new"`
	} `json:"metadata"`
}

// metadata returns the step's metadata. It has the resource's old and new state only if the step changes the resource,
// or if the resource is the stack itself.
func (s *loggedStep) metadata() apitype.StepEventMetadata {
	m := s.Metadata.StepEventMetadata
	if !unchanged(m.Op) || m.Type == stackType {
		m.Old, m.New = decodedState(s.Metadata.Old), decodedState(s.Metadata.New)
	}
	return m
}

func decodedState(text jsontext.Value) *apitype.StepEventStateMetadata {
	var state *apitype.StepEventStateMetadata
	if text == nil || json.Unmarshal(text, &state) != nil {
		return nil
	}
	return state
}

// onceItHeeds calls do once the engine heeds an interrupt. The engine heeds an interrupt from its first event on,
// because the CLI begins to listen for signals just before that event. An interrupt that comes after the event log was
// made, but before the first event, ends the engine at once. On Pulumi Cloud, the update then stays running until the
// service's lease ends after five minutes. On other backends, the engine leaves its lock behind.
func (f *follower) onceItHeeds(do func()) {
	if f.hasBegun {
		do()
		return
	}
	f.heeds = do
}

// hold pauses the engine while its event log is read, if the engine is to be interrupted but does not heed an interrupt
// yet. release lets the engine go on. Without the pause, an engine on a busy machine could make its first change before
// anybody has read its first event.
func (f *follower) hold() (release func()) {
	if f.heeds == nil || f.hasBegun || f.engine == nil {
		return func() {}
	}
	process.Pause(f.engine)
	return func() {
		if f.hasBegun {
			time.Sleep(startInterval) // another goroutine sends the interrupt
		}
		process.Resume(f.engine)
	}
}

func (f *follower) handle(event loggedEvent) {
	switch {
	case event.Prelude != nil && !f.hasBegun:
		f.hasBegun = true
		if f.heeds != nil {
			f.heeds()
		}
		if !f.muted {
			f.observe(scale.EngineStarted{Preview: f.preview(), Message: f.message})
		}
	case event.Pre != nil:
		m := event.Pre.metadata()
		f.found(m)
		if m.Type == stackType && !f.hasStack {
			f.hasStack = true
			if f.registered != nil {
				f.registered()
			}
		}
		if f.preview() && unchanged(m.Op) && m.Type != stackType {
			if change, ok := changedOptions(*event.Pre); ok {
				f.result.ChangedOptions = append(f.result.ChangedOptions, change)
			}
		}
		f.started(m)
	case event.Outputs != nil:
		f.finished(event.Outputs.metadata(), false)
	case event.Failed != nil:
		f.finished(event.Failed.metadata(), true)
	case event.Diagnostic != nil:
		f.diagnosed(*event.Diagnostic)
	case event.Summary != nil:
		f.summary = string(event.Summary.Result)
	}
}

// found takes note of the rules' output that the engine found in the state.
func (f *follower) found(m apitype.StepEventMetadata) {
	if m.Type == stackType && m.Old != nil {
		if rules, ok := m.Old.Outputs[scale.OutputName]; ok {
			f.before = []byte(configfile.JSON(rules))
		}
	}
}

func (f *follower) preview() bool { return f.operation == "preview" }

func (f *follower) started(m apitype.StepEventMetadata) {
	f.result.Seen = append(f.result.Seen, m.URN)
	if unchanged(m.Op) || m.Type == stackType {
		return
	}
	step := resourceStep(m)
	step.Perpetual = isPerpetual(m)
	f.result.Steps = append(f.result.Steps, step)
	key := step.Op + " " + step.URN
	f.open[key] = step
	_, f.spans[key] = span.Begin(f.process, step.Op+" "+step.Name, trace.WithAttributes(attribute.String("pulumi.urn", step.URN)))
	f.observe(scale.StepStarted{Step: step, At: time.Now(), Preview: f.preview()})
}

func (f *follower) finished(m apitype.StepEventMetadata, failed bool) {
	if m.Type == stackType && m.New != nil {
		f.outputs(m.New.Outputs)
		if m.Old != nil && f.preview() {
			f.result.ChangedOutputs = changedOutputs(m.Old.Outputs, m.New.Outputs, f.result.Steps)
		}
	}
	key := string(m.Op) + " " + m.URN
	step, ok := f.open[key]
	if !ok {
		return
	}
	delete(f.open, key)
	var failure error
	if failed {
		failure = errStepFailed
		f.failed = append(f.failed, step.URN)
	} else {
		f.done = append(f.done, step)
	}
	span.End(f.spans[key], failure)
	f.observe(scale.StepDone{Step: step, At: time.Now(), Failed: failed, Preview: f.preview()})
}

func (f *follower) outputs(outputs map[string]any) {
	f.result.Output = nil
	if rules, ok := outputs[scale.OutputName]; ok {
		f.result.Output = []byte(configfile.JSON(rules))
	}
}

func (f *follower) diagnosed(d apitype.DiagnosticEvent) {
	severity, stream, _ := strings.Cut(d.Severity, "#")
	if severity == "debug" || d.Ephemeral || severity == "error" && f.muted {
		return
	}
	diagnostic := scale.Diagnostic{Severity: severity, URN: d.URN, Message: cli.Mask(strings.TrimSpace(colors.Never.Colorize(d.Message)))}
	if diagnostic.Message == "" || repeats(diagnostic) {
		return
	}
	if severity == "warning" && ambientPlugin.MatchString(diagnostic.Message) {
		diagnostic.Severity = "info"
	}
	if severity == "error" {
		f.diagnostics = append(f.diagnostics, diagnostic)
	}
	if stream == "err" && f.complaints.Len() < mostComplaints {
		f.complaints.WriteString(diagnostic.Message + "\n")
	}
	f.observe(scale.Diagnosed{Diagnostic: diagnostic, Preview: f.preview()})
}

// ambientPlugin matches the CLI's remark about where it has found a plugin. The remark is about no resource and nothing
// is wrong, so it is shown as information and not as a warning.
var ambientPlugin = regexp.MustCompile(`^using pulumi-\S+ from \$PATH at `)

// mostComplaints is about how many bytes are kept of what a program writes to its stderr.
const mostComplaints = 4096

// repeats says whether a message of the engine that is about no resource only repeats a different message. The closing
// "update failed" repeats the error before it. The CLI's warnings are repeated too: the engine sends them once more as
// information.
func repeats(d scale.Diagnostic) bool {
	if d.URN != "" {
		return false
	}
	return d.Severity == "error" && (d.Message == "update failed" || d.Message == "preview failed") ||
		d.Severity == "info" && strings.HasPrefix(d.Message, "warning: ")
}

// unchanged says whether an operation leaves its resource as it is.
func unchanged(op apitype.OpType) bool {
	return slices.Contains([]apitype.OpType{apitype.OpSame, apitype.OpRead, apitype.OpRefresh, apitype.OpReadDiscard}, op)
}

func resourceStep(m apitype.StepEventMetadata) scale.ResourceStep {
	return scale.ResourceStep{
		Op: string(m.Op), URN: m.URN, Type: m.Type,
		Name:  nameOf(resource.URN(m.URN)),
		Diffs: propertyDiffs(m),
	}
}

func nameOf(urn resource.URN) string {
	if !urn.IsValid() {
		return string(urn)
	}
	return urn.Name()
}
