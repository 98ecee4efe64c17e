package webhook

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/webhook/dialect"
	"github.com/pulumiscale/pulumiscale/webhook/sns"
)

// receive handles what a sender posts to an inbox: it opens the envelopes around the body, and passes the
// [dialect.Letter] on to [Server.take].
func (s *Server) receive(in dialect.Inbox, w http.ResponseWriter, r *http.Request) error {
	text, err := readBody(r)
	if err != nil {
		return err
	}
	letter, err := dialect.Open(r.Header, dialect.Parse(text))
	if seen, ok := w.(*statusWriter); ok && letter.Acknowledge {
		seen.acknowledge = true
	}
	if err != nil {
		return err
	}
	return s.take(in, letter, w, r)
}

// take recognizes the dialect of a letter, has the signature checked, decodes the payload, and submits what is asked
// for.
func (s *Server) take(in dialect.Inbox, letter dialect.Letter, w http.ResponseWriter, r *http.Request) error {
	renew, submit := s.renew, s.submitAlerts
	if in.Rest.Direct {
		renew, submit = s.reloadRules, s.submitDirect
	}
	route, err := s.findRoute(r, renew)
	if err != nil {
		return err
	}
	d := in.Recognize(r.Header, letter.Body)
	payload, err := s.prove(r, d, letter.Body, route.Pool)
	switch {
	case err != nil:
		return err
	case payload.note != "":
		writeJSON(w, http.StatusOK, answer{Results: []result{}, Note: payload.note})
		return nil
	}
	route.Key = payload.key
	delivery, err := d.Decode(payload.body, route)
	if err != nil {
		return err
	}
	if route.Pool == "" && slices.ContainsFunc(delivery.Skipped, func(skipped dialect.Skipped) bool { return skipped.NoPool(route.Rules) }) {
		if err := renew(r.Context()); err != nil {
			return err
		}
		route.Rules = s.Queue.Rules()
		if delivery, err = d.Decode(payload.body, route); err != nil {
			return err
		}
	}
	delivery.Identify(letter.Key)
	return submit(w, r, delivery)
}

// proved is a payload that is known to be the sender's, and the key by which the sender distinguishes the payload from
// others. If note is not empty, there is nothing to decode: the note says what was done.
type proved struct {
	body dialect.Body
	key  string
	note string
}

// prove checks the signature of a body, if its dialect is signed. If nothing here can check the dialect's kind of
// signature, the body is refused.
func (s *Server) prove(r *http.Request, d dialect.Dialect, body dialect.Body, pool string) (proved, error) {
	switch {
	case d.Signature == dialect.SignedBySNS:
		return s.openSNS(r, body, pool)
	case d.Signature != dialect.Unsigned:
		return proved{}, dialect.Forbidden("nothing here can check who sent this")
	case !d.Direct:
		return proved{body: body}, nil
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 {
		return proved{}, dialect.BadRequest("Idempotency-Key", "is given twice")
	}
	return proved{body: body, key: strings.Join(keys, "")}, nil
}

// openSNS opens a message of Amazon SNS and checks its signature. If the message asks to confirm a subscription,
// openSNS confirms it.
func (s *Server) openSNS(r *http.Request, body dialect.Body, pool string) (proved, error) {
	message, err := sns.Parse(body, r.Header)
	if err != nil {
		return proved{}, err
	}
	if err := s.Verifier.Verify(r.Context(), message, s.Now()); err != nil {
		return proved{}, err
	}
	switch message.Type {
	case sns.SubscriptionConfirmation:
		if err := s.Verifier.Confirm(r.Context(), message, s.Now()); err != nil {
			return proved{}, err
		}
		s.Log.Info("subscription confirmed", "topic", message.TopicARN, "pool", pool)
		return proved{note: "the subscription is confirmed"}, nil
	case sns.UnsubscribeConfirmation:
		s.Log.Warn("subscription ended", "topic", message.TopicARN, "pool", pool)
		return proved{note: "the subscription has ended; nothing was done about it"}, nil
	}
	return proved{body: dialect.Parse([]byte(message.Message)), key: message.MessageID}, nil
}

// maxAlerts is how many alerts a notification may hold. It is several times what Alertmanager puts into a megabyte.
const maxAlerts = 10_000

// submitAlerts hands what alerts ask for to the queue, and answers the sender with what becomes of each.
func (s *Server) submitAlerts(w http.ResponseWriter, r *http.Request, delivery dialect.Delivery) error {
	if len(delivery.Intents)+len(delivery.Skipped) > maxAlerts {
		problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("there are more than %d alerts", maxAlerts)}.write(w)
		return nil
	}
	subs, err := s.Queue.Submit(r.Context(), delivery.Intents)
	if err != nil {
		return err
	}
	doc := answer{Results: make([]result, len(subs))}
	for i, sub := range subs {
		doc.Results[i] = resultOf(sub)
	}
	for i, skipped := range delivery.Skipped {
		level := slog.LevelInfo
		// A sender that names an unknown pool is set up wrong. The answer's status does not say so, and so the log
		// warns.
		if skipped.NoPool(s.Queue.Rules()) {
			level = slog.LevelWarn
			s.Metrics.unknown()
		}
		if i < maxLogged {
			s.Log.Log(r.Context(), level, "skipped", "alert", skipped.Alert, "pool", skipped.Pool, "reason", skipped.Reason)
		}
		doc.Skipped = append(doc.Skipped, skippedJSON(skipped))
	}
	if more := len(delivery.Skipped) - maxLogged; more > 0 {
		s.Log.Info("skipped more alerts of the same notification", "alerts", more)
	}
	writeJSON(w, statusOf(subs), doc)
	return nil
}

// maxLogged is how many of a notification's skipped alerts are logged.
const maxLogged = 10
