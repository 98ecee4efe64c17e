package webhook

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// What strangers can bring about is logged only so often: the first few of each kind in a minute, and then how many
// more there were.
const (
	floodMinute = time.Minute
	floodFirst  = 5
)

// flood keeps strangers from filling the log. The zero value is ready. There is a fixed set of kinds: nobody outside
// can make one up. Its methods, and the timers that they start, write and read kinds and what changes in it under mu.
type flood struct {
	mu    sync.Mutex
	kinds map[string]*kindOfFlood
}

// kindOfFlood counts what has come of one kind since began.
type kindOfFlood struct {
	began  time.Time
	logged int
	// quiet is how many were not logged. tell says so at the end of the minute; it is nil while nothing was left out.
	quiet int
	tell  *time.Timer
}

// admits says whether another one of a kind is to be logged. If it is not, the end of the minute logs how many there
// were.
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

// tell logs how many were left out. The next one of the kind then begins a new minute.
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

// flush logs at the server's end how many were left out.
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

// The kinds of what strangers bring about, as the log has them.
const (
	floodNoToken    = "requests without a token"
	floodPicture    = "pictures on the status page"
	floodWrongToken = "requests with a wrong token"
	floodTLS        = "broken TLS handshakes"
	floodAccept     = "connections that could not be accepted"
	floodPanic      = "panics"
	floodConnection = "broken connections"
)

// complaints is a [slog.Handler] that takes what an [http.Server] itself has to say.
type complaints struct {
	slog.Handler
	flood *flood
}

// complaintKinds tell the kinds of the lines that net/http writes by how the lines begin.
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
	if kind == floodPanic { // a panic is ours to mend
		line.Level = slog.LevelError
	}
	if !c.flood.admits(slog.New(c.Handler), kind) {
		return nil
	}
	return c.Handler.Handle(ctx, line)
}
