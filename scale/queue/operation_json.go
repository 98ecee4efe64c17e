package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// operationVersion is the version of an operation's stored form. A form that an older program would read wrongly gets a
// new version.
const operationVersion = 2

// formOf returns the version of the form in which an operation is stored: the oldest that can hold all of it, so that
// an older program can still read the operations that it can carry out.
func formOf(o Operation) int {
	if o.Intent.ToBounds || o.Intent.ToMetrics {
		return operationVersion
	}
	return 1
}

// storedOperation is the form in which an operation is kept. Fields are added, never renamed.
type storedOperation struct {
	Version    int            `json:"version"`
	ID         string         `json:"id"`
	Intent     storedIntent   `json:"intent"`
	State      State          `json:"state"`
	Result     Final          `json:"result,omitempty"`
	Decision   storedDecision `json:"decision"`
	From       *int           `json:"from,omitempty"`
	To         *int           `json:"to,omitempty"`
	Error      string         `json:"error,omitempty"`
	AcceptedAt time.Time      `json:"acceptedAt,omitzero"`
	StartedAt  time.Time      `json:"startedAt,omitzero"`
	EndedAt    time.Time      `json:"endedAt,omitzero"`
	NotBefore  time.Time      `json:"notBefore,omitzero"`
	Previous   string         `json:"previous,omitempty"`
	Failures   int            `json:"failures,omitempty"`
	Updates    []string       `json:"updates,omitempty"`
	Update     string         `json:"update,omitempty"`
	GivenUp    bool           `json:"givenUp,omitempty"`
}

type storedIntent struct {
	Pool   string        `json:"pool"`
	Count  *int          `json:"count,omitempty"`
	Delta  *int          `json:"delta,omitempty"`
	Signal *storedSignal `json:"signal,omitempty"`
	// ToBounds and ToMetrics came with version 2.
	ToBounds  bool      `json:"toBounds,omitempty"`
	ToMetrics bool      `json:"toMetrics,omitempty"`
	Source    string    `json:"source,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Key       string    `json:"key,omitempty"`
	Force     bool      `json:"force,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

type storedSignal struct {
	Alert      string          `json:"alert,omitempty"`
	Cleared    bool            `json:"cleared,omitempty"`
	Identity   string          `json:"identity,omitempty"`
	Since      time.Time       `json:"since,omitzero"`
	Direction  scale.Direction `json:"direction,omitempty"`
	Delta      *int            `json:"delta,omitempty"`
	Count      *int            `json:"count,omitempty"`
	Comparison scale.Direction `json:"comparison,omitempty"`
	Value      *storedFloat    `json:"value,omitempty"`
	Threshold  *storedFloat    `json:"threshold,omitempty"`
}

type storedDecision struct {
	Outcome scale.Outcome `json:"outcome"`
	From    *int          `json:"from,omitempty"`
	Wanted  int           `json:"wanted"`
	To      int           `json:"to"`
	Clamped bool          `json:"clamped,omitempty"`
	Until   time.Time     `json:"until,omitzero"`
	Reason  string        `json:"reason,omitempty"`
}

// storedFloat is a number that JSON may be unable to express: a metric can be infinite.
type storedFloat float64

// MarshalText writes the shortest text that reads back as the same number.
func (f storedFloat) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f), 'g', -1, 64), nil
}

// UnmarshalText reads what MarshalText wrote.
func (f *storedFloat) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	*f = storedFloat(n)
	return err
}

// MarshalJSON writes the stored form.
func (o Operation) MarshalJSON() ([]byte, error) {
	d, i := o.Decision, o.Intent
	stored := storedOperation{
		Version: formOf(o), ID: o.ID, State: o.State, Result: o.Result, From: o.From, To: o.To, Error: o.Error,
		AcceptedAt: o.AcceptedAt, StartedAt: o.StartedAt, EndedAt: o.EndedAt, NotBefore: o.NotBefore, Previous: o.Previous, Failures: o.Failures, Updates: o.Updates,
		Update: o.Update, GivenUp: o.GivenUp,
		Intent: storedIntent{
			Pool: i.Pool, Count: i.Count, Delta: i.Delta, Source: i.Source, Reason: i.Reason, Key: i.Key, Force: i.Force, At: i.At, ToBounds: i.ToBounds, ToMetrics: i.ToMetrics,
		},
		Decision: storedDecision{
			Outcome: d.Outcome, From: d.From, Wanted: d.Wanted, To: d.To, Clamped: d.Clamped, Until: d.Until, Reason: d.Reason,
		},
	}
	if s := i.Signal; s != nil {
		stored.Intent.Signal = &storedSignal{
			Alert: s.Alert, Cleared: s.Cleared, Identity: s.Identity, Since: s.Since, Direction: s.Direction, Delta: s.Delta, Count: s.Count, Comparison: s.Comparison,
			Value: (*storedFloat)(s.Value), Threshold: (*storedFloat)(s.Threshold),
		}
	}
	return json.Marshal(stored)
}

// UnmarshalJSON reads the stored form.
func (o *Operation) UnmarshalJSON(text []byte) error {
	var stored storedOperation
	if err := json.Unmarshal(text, &stored); err != nil {
		return err
	}
	if stored.Version < 1 || stored.Version > operationVersion {
		return fmt.Errorf("the operation is stored in form %d, and this program knows the forms up to %d", stored.Version, operationVersion)
	}
	d, i := stored.Decision, stored.Intent
	*o = Operation{
		ID: stored.ID, State: stored.State, Result: stored.Result, From: stored.From, To: stored.To, Error: stored.Error,
		AcceptedAt: stored.AcceptedAt, StartedAt: stored.StartedAt, EndedAt: stored.EndedAt, NotBefore: stored.NotBefore,
		Previous: stored.Previous, Failures: stored.Failures, Updates: stored.Updates,
		Update: stored.Update, GivenUp: stored.GivenUp,
		Intent: scale.Intent{
			Pool: i.Pool, Count: i.Count, Delta: i.Delta, Source: i.Source, Reason: i.Reason, Key: i.Key, Force: i.Force, At: i.At, ToBounds: i.ToBounds, ToMetrics: i.ToMetrics,
		},
	}
	if s := i.Signal; s != nil {
		o.Intent.Signal = &scale.Signal{
			Alert: s.Alert, Cleared: s.Cleared, Identity: s.Identity, Since: s.Since, Direction: s.Direction, Delta: s.Delta, Count: s.Count, Comparison: s.Comparison,
			Value: (*float64)(s.Value), Threshold: (*float64)(s.Threshold),
		}
	}
	o.Decision = scale.Decision{
		Intent: o.Intent, Outcome: d.Outcome, From: d.From, Wanted: d.Wanted, To: d.To, Clamped: d.Clamped, Until: d.Until, Reason: d.Reason,
	}
	return nil
}
