package metric

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Look looks at metrics once, all at the same time, and returns what was found, in the order of the metrics.
func Look(ctx context.Context, metrics []scale.Metric, credentials *Credentials, now func() time.Time) []scale.Sample {
	out := make([]scale.Sample, len(metrics))
	var looks sync.WaitGroup
	for i, m := range metrics {
		looks.Go(func() {
			looker := &looker{metric: m, credentials: credentials, now: now}
			defer looker.close()
			out[i] = looker.look(ctx)
		})
	}
	looks.Wait()
	return out
}

// looker looks at one metric, with the latest credentials. It is not safe for concurrent use.
type looker struct {
	metric      scale.Metric
	credentials *Credentials
	now         func() time.Time
	// source was made with the credentials that had this edition; it is nil before the first look.
	source  Source
	edition int
}

func (l *looker) close() {
	if l.source != nil {
		l.source.Close()
	}
}

// look looks once. If something goes wrong, the sample's Problem says what.
func (l *looker) look(ctx context.Context) scale.Sample {
	sample := scale.Sample{Metric: l.metric.Name, At: l.now()}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	value, err := l.try(ctx)
	if scale.IsA[*AccessError](err) && l.credentials.renew(l.metric.Access.Keys()) {
		value, err = l.try(ctx) // the configuration may have new ones by now
	}
	if err != nil {
		sample.Problem = oneLine(err.Error())
		return sample
	}
	sample.Value = value
	return sample
}

func (l *looker) try(ctx context.Context) (float64, error) {
	values, edition, err := l.credentials.of(ctx, l.metric.Access.Keys())
	if err != nil {
		return 0, err
	}
	if l.source == nil || edition != l.edition {
		source, err := NewSource(l.metric, values, l.now)
		if err != nil {
			return 0, err
		}
		l.close()
		l.source, l.edition = source, edition
	}
	return l.source.Look(ctx)
}

// renewAfter is how old credentials must be before they are read again after a server has refused them.
const renewAfter = time.Minute

// Credentials are the values of the stack's configuration with which the metrics' servers are asked. Each value is read
// when it is first needed, and kept until it is forgotten. It is safe for concurrent use.
type Credentials struct {
	// Read reads values of the configuration by their keys. It starts a process of the CLI for each of them.
	Read func(ctx context.Context, keys ...string) (map[string]string, error)
	Now  func() time.Time

	// mu is held while values are read, so that one goroutine at a time reads them.
	mu     sync.Mutex
	values map[string]credential
	// edition counts how often known values have been forgotten.
	edition int
}

// credential is a value, and when it was read; empty if the configuration has none.
type credential struct {
	value string
	at    time.Time
}

// of returns the values of keys, and the edition of the credentials to which they belong.
func (c *Credentials) of(ctx context.Context, keys []string) (values map[string]string, edition int, err error) {
	if len(keys) == 0 {
		return nil, 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { _, known := c.values[key]; return known })
	if len(missing) > 0 {
		found, err := c.Read(ctx, missing...)
		if err != nil {
			return nil, 0, fmt.Errorf("the credentials cannot be read from the stack's configuration: %w", err)
		}
		if c.values == nil {
			c.values = map[string]credential{}
		}
		for _, key := range missing {
			c.values[key] = credential{value: found[key], at: c.Now()}
		}
	}
	values = map[string]string{}
	for _, key := range keys {
		values[key] = c.values[key].value
	}
	return values, c.edition, nil
}

// Forget forgets all credentials, so that they are read again when they are next needed: the configuration may have new
// ones by now.
func (c *Credentials) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values, c.edition = nil, c.edition+1
}

// renew forgets credentials that a server has refused, unless they were read less than renewAfter ago. It says whether
// it forgot any.
func (c *Credentials) renew(keys []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := false
	for _, key := range keys {
		if age := c.Now().Sub(c.values[key].at); age >= renewAfter || age < 0 {
			delete(c.values, key)
			done = true
		}
	}
	if done {
		c.edition++
	}
	return done
}
