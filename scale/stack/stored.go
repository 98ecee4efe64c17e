package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"

	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
	"github.com/pulumiscale/pulumiscale/scale/stack/storage"
)

// keptElsewhere is the storage of a backend that is no folder, opened once, and the newest update that was seen there.
type keptElsewhere struct {
	mu      sync.Mutex
	tried   bool
	storage *storage.Storage
	// address says which storage it is, without credentials.
	address string
	seen    string
	// silentUntil is the time until which the storage is not looked at, because it has just failed to answer.
	silentUntil time.Time
}

// open opens the storage at its first call, and returns it. It returns nil if the storage is of a kind that is not
// looked at, cannot be opened, or has just failed to answer. The caller then asks the CLI.
func (k *keptElsewhere) open(ctx context.Context, s *Stack) *storage.Storage {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.silentUntil) {
		return nil
	}
	if k.tried {
		return k.storage
	}
	k.tried = true
	address, id := s.project.CurrentBackend(), s.dir.Identity()
	if id.Organization != "" && id.Organization != project.OnlyOrganization {
		return nil
	}
	opened, err := storage.Open(ctx, address, id.Project, id.Stack)
	if err != nil {
		return nil
	}
	k.storage, k.address = opened, s.project.IdentityOf(address)+"/"+id.Project+"/"+id.Stack
	if last := s.last.Load(); last != nil {
		if rest, ok := strings.CutPrefix(last.Stamp.History, k.address+" 0 "); ok {
			k.seen = rest
		}
	}
	return opened
}

// reopen closes the storage, so that the next look opens it anew: the credentials may have been replaced in their file.
func (k *keptElsewhere) reopen() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.storage != nil {
		_ = k.storage.Close()
	}
	k.storage, k.tried = nil, false
}

// where returns the address of the storage that was opened last.
func (k *keptElsewhere) where() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.address
}

func (k *keptElsewhere) newest() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen
}

// look returns the context for a look at the storage. end must be called after the look; it notes whether the storage
// has answered in time.
func (s *Stack) look(ctx context.Context) (_ context.Context, end func()) {
	wait := lookTime
	if most := s.options.BackendTimeout; most > 0 {
		wait = min(wait, most)
	}
	ctx, stop := context.WithTimeout(ctx, wait)
	return ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s.storage.mu.Lock()
			s.storage.silentUntil = time.Now().Add(silentTime)
			s.storage.mu.Unlock()
		}
		stop()
	}
}

// lookTime is how long a look at a backend's storage may take. After that the CLI is asked, which tries again and says
// what is wrong. silentTime is how long the storage is then not looked at.
const (
	lookTime   = 3 * time.Second
	silentTime = 10 * time.Second
)

// remember keeps the newest update that a look has found. known is the newest update that was known when the look
// began. If two looks run at once, the later update stays, unless a look that began with that update finds that it has
// gone.
func (k *keptElsewhere) remember(known, newest string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if newest > k.seen || known == k.seen {
		k.seen = newest
	}
}

// keptUpdate is an update as a self-managed backend keeps it.
type keptUpdate struct {
	Version     int               `json:"version"`
	Kind        string            `json:"kind"`
	StartTime   int64             `json:"startTime"`
	EndTime     int64             `json:"endTime"`
	Message     string            `json:"message"`
	Environment map[string]string `json:"environment"`
	Config      config.Map        `json:"config"`
	Result      string            `json:"result"`
	Changes     map[string]int    `json:"resourceChanges"`
}

// readStored reads from the storage what [Stack.readHistory] would otherwise ask the CLI for, with the same results. ok
// is false if only the CLI can tell.
func (s *Stack) readStored(ctx context.Context, newest int) (entries []entry, complete, ok bool) {
	if s.isInFolder() {
		return nil, false, false
	}
	kept := s.storage.open(ctx, s)
	if kept == nil {
		return nil, false, false
	}
	ctx, end := s.look(ctx)
	defer end()
	updates, complete, err := kept.Newest(ctx, newest)
	if err != nil {
		s.storage.reopen()
	}
	if err != nil || len(updates) == 0 { // if there are none, they may be at a different place
		return nil, false, false
	}
	for _, text := range updates {
		e, err := storedEntry(text)
		if err != nil {
			return nil, false, false
		}
		if e.isOver() {
			entries = append(entries, e)
		}
	}
	return entries, complete, true
}

// storedEntry turns an update, as the storage keeps it, into the form in which the CLI shows it.
func storedEntry(text []byte) (e entry, err error) {
	var stored keptUpdate
	if err := json.Unmarshal(text, &stored); err != nil {
		return e, fmt.Errorf("read an update: %w", err)
	}
	e = entry{
		Version: stored.Version, Kind: stored.Kind, Message: stored.Message, Result: stored.Result, Changes: stored.Changes,
		StartTime: time.Unix(stored.StartTime, 0).UTC(), EndTime: time.Unix(stored.EndTime, 0).UTC(), Config: map[string]configValue{},
	}
	environment, err := json.Marshal(stored.Environment)
	if err == nil {
		err = json.Unmarshal(environment, &e.Environment)
	}
	if err != nil {
		return e, err
	}
	for key, value := range stored.Config {
		shown := configValue{Secret: value.Secure()}
		if !shown.Secret {
			text, err := value.Value(config.NopDecrypter)
			if err != nil {
				return e, err
			}
			if shown.Value = configfile.Text(text); value.Object() && text != "" {
				decoder := json.NewDecoder(strings.NewReader(text))
				decoder.UseNumber()
				if err := decoder.Decode(&shown.Object); err != nil {
					return e, err
				}
			}
		}
		e.Config[key.String()] = shown
	}
	return e, nil
}
