package webhook

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Strangers can cause events of certain kinds. The log has only the first floodFirst events of each kind in a
// floodMinute, and then the number of the others.
const (
	floodMinute = time.Minute
	floodFirst  = 5
)

// flood keeps strangers from filling the log. The zero value is ready. The set of kinds is fixed: no stranger can add a
// kind. mu guards kinds and all that changes in it. The timers that the methods start lock mu too.
type flood struct {
	mu    sync.Mutex
	kinds map[string]*kindOfFlood
}

// kindOfFlood counts the events of one kind in the minute that starts at the time began.
type kindOfFlood struct {
	began  time.Time
	logged int
	// quiet is how many events were not logged. The timer tell logs this number at the end of the minute; tell is nil
	// while every event was logged.
	quiet int
	tell  *time.Timer
}

// admits says whether one more event of a kind is to be logged. If not, it counts the event, and the count is logged at
// the end of the minute.
func (f *flood) admits(log *slog.Logger, kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	k := f.kinds[kind]
	if k == nil || k.quiet == 0 && now.Sub(k.began) >= floodMinute {
		if f.kinds == nil {
			f.kinds = map[string]*kindOfFlood{}
		}
		k = &kindOfFlood{began: now}
		f.kinds[kind] = k
	}
	if k.logged < floodFirst {
		k.logged++
		return true
	}
	k.quiet++
	if k.tell == nil {
		k.tell = time.AfterFunc(floodMinute-now.Sub(k.began), func() { f.tell(log, kind, k) })
	}
	return false
}

// tell logs how many events were not logged. The next event of the kind then begins a new minute.
func (f *flood) tell(log *slog.Logger, kind string, k *kindOfFlood) {
	f.mu.Lock()
	quiet := k.quiet
	if f.kinds[kind] == k {
		delete(f.kinds, kind)
	}
	f.mu.Unlock()
	if quiet > 0 {
		log.Warn("more of the same were not logged", "kind", kind, "requests", quiet, "since", k.began)
	}
}

// flush is called when the server ends. It logs at once how many events were not logged.
func (f *flood) flush(log *slog.Logger) {
	f.mu.Lock()
	var due []func()
	for kind, k := range f.kinds {
		if k.tell != nil && k.tell.Stop() {
			due = append(due, func() { f.tell(log, kind, k) })
		}
	}
	f.mu.Unlock()
	for _, tell := range due {
		tell()
	}
}

// The kinds of events that strangers can cause, as the log names them.
const (
	floodNoToken    = "requests without a token"
	floodPicture    = "pictures on the status page"
	floodWrongToken = "requests with a wrong token"
	floodTLS        = "broken TLS handshakes"
	floodAccept     = "connections that could not be accepted"
	floodPanic      = "panics"
	floodConnection = "broken connections"
)

// complaints is a [slog.Handler] for the lines that an [http.Server] itself logs.
type complaints struct {
	slog.Handler
	flood *flood
}

// complaintKinds lists the kinds of the lines that net/http logs, each with the text at the beginning of such a line.
func complaintKinds() []struct{ begins, kind string } {
	return []struct{ begins, kind string }{
		{"http: TLS handshake error", floodTLS},
		{"http: Accept error", floodAccept},
		{"http: panic serving", floodPanic},
		{"http2: panic serving", floodPanic},
	}
}

// Handle logs a line, unless there have been too many of its kind.
func (c complaints) Handle(ctx context.Context, line slog.Record) error {
	kind := floodConnection
	line.Level = slog.LevelWarn
	for _, k := range complaintKinds() {
		if strings.HasPrefix(line.Message, k.begins) {
			kind = k.kind
		}
	}
	if kind == floodPanic { // a panic is a mistake in this program
		line.Level = slog.LevelError
	}
	if !c.flood.admits(slog.New(c.Handler), kind) {
		return nil
	}
	return c.Handler.Handle(ctx, line)
}
