package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/queue"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// place is the route that a request came in by. The error is an [*scale.UnknownPoolError] for a pool that no rule
// names, or it says why no rules are known.
func (s *Server) place(r *http.Request) (Route, error) { return s.placeAfter(r, s.renew) }

// placeNow is place for a count or a delta. Such a request is not turned away on what was read before it came.
func (s *Server) placeNow(r *http.Request) (Route, error) { return s.placeAfter(r, s.reloadRules) }

// placeAfter is place, with what is done first about a pool that is not known.
func (s *Server) placeAfter(r *http.Request, renew func(context.Context) error) (Route, error) {
	route := Route{Pool: r.PathValue("pool"), Rules: s.Queue.Rules(), Query: r.URL.RawQuery}
	if route.Rules == nil {
		if err := s.Queue.Ready(); err != nil {
			return route, err
		}
		route.Rules = s.Queue.Rules()
	}
	if route.Pool == "" {
		return route, nil
	}
	_, unknown := route.Rules.Find(route.Pool)
	if unknown == nil {
		return route, nil
	}
	if err := renew(r.Context()); err != nil {
		return route, err
	}
	route.Rules = s.Queue.Rules()
	_, err := route.Rules.Find(route.Pool)
	return route, err
}

// reloadRules has the rules read again. Rules that have become malformed are no error: those before them stay in force.
func (s *Server) reloadRules(ctx context.Context) error {
	if err := s.Queue.Reload(ctx); err != nil && scale.ProblemsOf(err) == nil {
		return err
	}
	return nil
}

// renewEvery is how often a request for a pool that is not known has the stack read.
const renewEvery = 5 * time.Second

// renew has the rules read again, unless that was done a moment ago. Somebody may have added a pool since, and a sender
// that is told of an unknown pool does not try again. The error says that the stack cannot be read; rules that have
// become malformed are no error.
//
// Requests that come at the same time share one reading, which does not end with any of them.
func (s *Server) renew(ctx context.Context) error {
	done := s.renewing.DoChan("", func() (any, error) {
		now := s.Now()
		if now.Sub(s.renewed) < renewEvery {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		if err := s.reloadRules(ctx); err != nil {
			return nil, err
		}
		s.renewed = now
		return nil, nil
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cloudWatch takes alarms from Amazon SNS and from EventBridge, and those with which a Lambda function is invoked.
func (s *Server) cloudWatch(w http.ResponseWriter, r *http.Request) error {
	route, err := s.place(r)
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if decode := unsigned(body); decode != nil && r.Header.Get(rawDelivery) == "" {
		delivery, err := decode(body, route)
		if err != nil {
			return err
		}
		return s.submit(w, r, delivery)
	}
	message, err := ParseSNS(body, r.Header)
	if err != nil {
		return err
	}
	if err := s.Verifier.Verify(r.Context(), message, s.Now()); err != nil {
		return err
	}
	switch message.Type {
	case SNSSubscriptionConfirmation:
		if err := s.Verifier.Confirm(r.Context(), message, s.Now()); err != nil {
			return err
		}
		s.Log.Info("subscription confirmed", "topic", message.TopicARN, "pool", route.Pool)
		writeJSON(w, http.StatusOK, "application/json", answer{Results: []result{}, Note: "the subscription is confirmed"})
		return nil
	case SNSUnsubscribeConfirmation:
		s.Log.Warn("subscription ended", "topic", message.TopicARN, "pool", route.Pool)
		writeJSON(w, http.StatusOK, "application/json", answer{Results: []result{}, Note: "the subscription has ended; nothing was done about it"})
		return nil
	}
	delivery, err := DecodeCloudWatch([]byte(message.Message), message.MessageID, route)
	if err != nil {
		return err
	}
	return s.submit(w, r, delivery)
}

// unsigned is the decoder of an alarm whose sender has the token in a header and signs nothing. It is nil if the alarm
// must come as a signed SNS message.
func unsigned(body []byte) func([]byte, Route) (Delivery, error) {
	switch {
	case IsEventBridge(body):
		return DecodeEventBridge
	case IsLambda(body):
		return DecodeLambda
	}
	return nil
}

// alertmanager takes alerts of Alertmanager and Grafana.
func (s *Server) alertmanager(w http.ResponseWriter, r *http.Request) error {
	route, err := s.place(r)
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	delivery, err := DecodeAlertmanager(body, route)
	if err != nil {
		return err
	}
	if route.Pool == "" && slices.ContainsFunc(delivery.Skipped, func(skipped Skipped) bool { return skipped.Pool != "" && unknownPool(route.Rules, skipped.Pool) != "" }) {
		if err := s.renew(r.Context()); err != nil {
			return err
		}
		route.Rules = s.Queue.Rules()
		if delivery, err = DecodeAlertmanager(body, route); err != nil {
			return err
		}
	}
	return s.submit(w, r, delivery)
}

// maxAlerts is how many alerts a notification may hold. It is several times what Alertmanager puts into a megabyte.
const maxAlerts = 10_000

// submit hands a delivery to the queue and answers the sender.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, delivery Delivery) error {
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
		// A sender that names an unknown pool is set up wrong, and no status tells it.
		if skipped.Pool != "" && unknownPool(s.Queue.Rules(), skipped.Pool) != "" {
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
	writeJSON(w, statusOf(subs), "application/json", doc)
	return nil
}

// maxLogged is how many of a notification's skipped alerts are logged.
const maxLogged = 10

// direct takes a count or a delta.
func (s *Server) direct(w http.ResponseWriter, r *http.Request) error {
	route, err := s.placeNow(r)
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	wait, err := preferredWait(r)
	if err != nil {
		return err
	}
	if len(r.Header.Values("Idempotency-Key")) > 1 {
		return badRequest("Idempotency-Key", "is given twice")
	}
	request, err := DecodeDirect(body, r.Header.Get("Idempotency-Key"), route)
	if err != nil {
		return err
	}
	if request.DryRun {
		return s.dryRun(w, r, request.Intent)
	}
	subs, err := s.Queue.Submit(r.Context(), []scale.Intent{request.Intent})
	if err != nil {
		return err
	}
	sub := subs[0]
	if sub.Operation.ID == "" {
		return s.notAccepted(w, sub)
	}
	location := "/operations/" + sub.Operation.ID
	if wait > 0 {
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds())))
		if op, done := s.waitFor(r, sub.Operation.ID, wait); done {
			w.Header().Set("Content-Location", location)
			writeJSON(w, http.StatusOK, "application/json", board.OperationOf(op))
			return nil
		}
	}
	w.Header().Set("Location", location)
	writeJSON(w, statusOf(subs), "application/json", resultOf(sub))
	return nil
}

// notAccepted answers a direct request that came to no operation. Nothing to do is fine; being held off and being
// undecidable are conflicts.
func (s *Server) notAccepted(w http.ResponseWriter, sub queue.Submission) error {
	r := resultOf(sub)
	switch sub.Decision.Outcome {
	case scale.CoolingDown:
		wait := max(sub.Decision.Until.Sub(s.Now()), time.Second)
		problem{Title: "Cooling down", Status: http.StatusConflict, Detail: r.Reason, Result: &r, Hint: "force=true passes the cooldown", retryAfter: wait}.write(w)
	case scale.HasPending:
		problem{Title: "Changes are pending", Status: http.StatusConflict, Detail: r.Reason, Result: &r,
			Hint: "bring them out with `pulumi up`, or bring the server's checkout to what was deployed"}.write(w)
	case scale.Held:
		s.heldProblem(sub, &r).write(w)
	case scale.Refused:
		if errors.As(sub.Decision.Err, new(*scale.UnknownPoolError)) {
			return sub.Decision.Err
		}
		problem{Title: cannotDecide, Status: http.StatusConflict, Detail: r.Reason, Result: &r}.write(w)
	default:
		writeJSON(w, http.StatusOK, "application/json", r)
	}
	return nil
}

// longestWait is how long an answer may be waited for at most, whatever the request prefers. A dry run may take as
// long, because the engine runs the whole program.
const longestWait = 10 * time.Minute

// preferredWait is what RFC 7240 calls the wait preference. It is zero if the request has none.
func preferredWait(r *http.Request) (time.Duration, error) {
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err != nil || n < 0 {
				return 0, badRequest("Prefer", "wait must be a whole number of seconds")
			}
			return min(time.Duration(min(n, int(longestWait.Seconds())))*time.Second, longestWait), nil
		}
	}
	return 0, nil
}

// waitFor waits for the end of an operation. done is false if that takes too long, or if the server is being stopped.
func (s *Server) waitFor(r *http.Request, id string, wait time.Duration) (op queue.Operation, done bool) {
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(s.patience, cancel)()
	op, err := s.Queue.Wait(ctx, id)
	return op, err == nil
}

// dryRunAnswer is the decision on a request, and what the engine would do.
type dryRunAnswer struct {
	DryRun bool                 `json:"dryRun"`
	Result board.Decision       `json:"result"`
	Steps  []scale.ResourceStep `json:"steps"`
}

func (s *Server) dryRun(w http.ResponseWriter, r *http.Request, intent scale.Intent) error {
	type foreseen struct {
		plan    *scale.Plan
		preview *scale.Result
	}
	found, err := attend(r.Context(), s, func(ctx context.Context) (foreseen, error) {
		plan, preview, err := s.Queue.Preview(ctx, []scale.Intent{intent})
		return foreseen{plan, preview}, err
	})
	if err != nil {
		return err
	}
	plan, preview := found.plan, found.preview
	doc := dryRunAnswer{DryRun: true, Result: board.DecisionOf(plan.Decisions[0]), Steps: []scale.ResourceStep{}}
	if refused := plan.Decisions[0].Err; refused != nil && errors.As(refused, new(*scale.UnknownPoolError)) {
		return refused
	}
	if preview != nil {
		doc.Steps = append(doc.Steps, preview.Steps...)
	}
	writeJSON(w, http.StatusOK, "application/json", doc)
	return nil
}
