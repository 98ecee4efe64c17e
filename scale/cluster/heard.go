package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// storedHeard is the form in which what was heard of an alert is kept. Fields are added, never renamed.
type storedHeard struct {
	Pool    string    `json:"pool"`
	Alert   string    `json:"alert"`
	Since   time.Time `json:"since"`
	Cleared bool      `json:"cleared,omitempty"`
	At      time.Time `json:"at"`
}

func decodeHeard(body []byte) (scale.Heard, error) {
	var s storedHeard
	err := json.Unmarshal(body, &s)
	return scale.Heard{Pool: s.Pool, Alert: s.Alert, Since: s.Since, Cleared: s.Cleared, At: s.At}, err
}

// Remember keeps what was heard of alerts. If none of it is news, nothing is written.
func (j *Journal) Remember(heard []scale.Heard) error {
	if err := j.unready(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(j.node.lifetime, writeTimeout)
	defer cancel()
	if err := j.remember(ctx, heard, false); err != nil {
		return j.node.journalError(err)
	}
	return nil
}

// remember writes what is news. If evenIfTold is set, it also writes what only operations tell, because these
// operations are about to be forgotten.
func (j *Journal) remember(ctx context.Context, heard []scale.Heard, evenIfTold bool) error {
	lasts := map[string]uint64{}
	for {
		messages, err := j.news(heard, lasts, evenIfTold)
		if err != nil || len(messages) == 0 {
			return err
		}
		if len(messages) > mostAtOnce {
			return errTooMany
		}
		first, _, err := j.node.publishAgain(ctx, messages)
		if err == nil {
			for i, m := range messages {
				j.node.takeOwn(m, first+uint64(i))
			}
			return nil
		}
		if !errors.Is(err, errLate) {
			return err
		}
		for _, m := range messages {
			if lasts[m.subject], err = j.node.operations.catchUp(ctx, m.subject); err != nil {
				return err
			}
		}
	}
}

// news returns the messages that remember is to write. Each is written only if nobody else has written of the same
// alert since.
func (j *Journal) news(heard []scale.Heard, lasts map[string]uint64, evenIfTold bool) ([]message, error) {
	latest := map[string]scale.Heard{}
	seqs := map[string]uint64{}
	changed := map[string]bool{}
	var order []string
	for _, h := range heard {
		alert := alertKey(h)
		known, ok := latest[alert]
		if !ok {
			known, seqs[alert] = j.node.view.recall(j.stack, alert)
			order = append(order, alert)
			changed[alert] = evenIfTold && !known.Since.IsZero()
		}
		now, isNews := h.After(known)
		latest[alert] = now
		changed[alert] = changed[alert] || isNews
	}
	var messages []message
	for _, alert := range order {
		if !changed[alert] {
			continue
		}
		h := latest[alert]
		body, err := json.Marshal(storedHeard{Pool: h.Pool, Alert: h.Alert, Since: h.Since, Cleared: h.Cleared, At: h.At})
		if err != nil {
			return nil, err
		}
		m := message{subject: j.node.names.heard(j.stack, alert), body: body, ttl: keepMessage}
		last := seqs[alert]
		if told, ok := lasts[m.subject]; ok {
			last = told
		}
		m.expects = &last
		messages = append(messages, m)
	}
	return messages, nil
}

// Recall returns the latest that was heard of an alert.
func (j *Journal) Recall(pool, alert string) (scale.Heard, bool, error) {
	if err := j.unready(); err != nil {
		return scale.Heard{}, false, err
	}
	h, _ := j.node.view.recall(j.stack, digest(pool, alert))
	if h.Since.IsZero() {
		return scale.Heard{}, false, nil
	}
	h.Pool, h.Alert = pool, alert
	return h, true, nil
}
