package webhook

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// place is the route that a request came in by; the error is an [*scale.UnknownPoolError] for a pool that no rule names, or says why no
// rules are known.
func (s *Server) place(r *http.Request) (Route, error) {
	route := Route{Pool: r.PathValue("pool"), Rules: s.Queue.Rules(), Query: r.URL.RawQuery}
	if route.Rules == nil {
		if err := s.Queue.Ready(); err != nil {
			return route, err
		}
		route.Rules = s.Queue.Rules()
	}
	if route.Pool != "" {
		if _, err := route.Rules.Find(route.Pool); err != nil {
			return route, err
		}
	}
	return route, nil
}

// cloudWatch takes alarms from Amazon SNS, and from EventBridge.
func (s *Server) cloudWatch(w http.ResponseWriter, r *http.Request) error {
	route, err := s.place(r)
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if IsEventBridge(body) {
		delivery, err := DecodeEventBridge(body, route)
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
	return s.submit(w, r, delivery)
}

// submit hands a delivery to the queue and answers the sender.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, delivery Delivery) error {
	subs, err := s.Queue.Submit(r.Context(), delivery.Intents)
	if err != nil {
		return err
	}
	doc := answer{Results: make([]result, len(subs))}
	for i, sub := range subs {
		doc.Results[i] = resultOf(sub)
	}
	for _, skipped := range delivery.Skipped {
		s.Log.Info("skipped", "alert", skipped.Alert, "pool", skipped.Pool, "reason", skipped.Reason)
		doc.Skipped = append(doc.Skipped, skippedJSON(skipped))
	}
	writeJSON(w, statusOf(subs), "application/json", doc)
	return nil
}

// direct takes a count or a delta.
func (s *Server) direct(w http.ResponseWriter, r *http.Request) error {
	route, err := s.place(r)
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
		if op, done := s.waitFor(w, r, sub.Operation.ID, wait); done {
			w.Header().Set("Content-Location", location)
			writeJSON(w, http.StatusOK, "application/json", operationOf(op))
			return nil
		}
	}
	w.Header().Set("Location", location)
	writeJSON(w, statusOf(subs), "application/json", resultOf(sub))
	return nil
}

// notAccepted answers a direct request that came to no operation: nothing to do is fine, being held off or undecidable is a conflict.
func (s *Server) notAccepted(w http.ResponseWriter, sub scale.Submission) error {
	r := resultOf(sub)
	switch sub.Decision.Outcome {
	case scale.CoolingDown:
		wait := max(sub.Decision.Until.Sub(s.Now()), time.Second)
		problem{Title: "Cooling down", Status: http.StatusConflict, Detail: r.Reason, Result: &r, Hint: "force=true passes the cooldown", retryAfter: wait}.write(w)
	case scale.Refused:
		if sub.Decision.Err != nil {
			return sub.Decision.Err
		}
		problem{Title: "Cannot be decided", Status: http.StatusConflict, Detail: r.Reason, Result: &r}.write(w)
	default:
		writeJSON(w, http.StatusOK, "application/json", r)
	}
	return nil
}

// longestWait is how long an answer may be waited for at most, whatever is preferred.
const longestWait = 10 * time.Minute

// preferredWait is what RFC 7240 calls the wait preference; zero where there is none.
func preferredWait(r *http.Request) (time.Duration, error) {
	for _, header := range r.Header.Values("Prefer") {
		for _, preference := range strings.Split(header, ",") {
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

// waitFor waits for the end of an operation; done is false where that takes too long.
func (s *Server) waitFor(w http.ResponseWriter, r *http.Request, id string, wait time.Duration) (op scale.Operation, done bool) {
	extend(w, s.Now().Add(wait))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	op, err := s.Queue.Wait(ctx, id)
	return op, err == nil
}

// extend lets an answer be written later than the server's own limit has it. Where that cannot be done the limit stays.
func extend(w http.ResponseWriter, until time.Time) {
	_ = http.NewResponseController(w).SetWriteDeadline(until.Add(writeTimeout))
}

// previewTimeout is how long a dry run may take: the engine runs the whole program.
const previewTimeout = 10 * time.Minute

// dryRunAnswer is the decision on a request, and what the engine would do.
type dryRunAnswer struct {
	DryRun bool                 `json:"dryRun"`
	Result result               `json:"result"`
	Steps  []scale.ResourceStep `json:"steps"`
}

func (s *Server) dryRun(w http.ResponseWriter, r *http.Request, intent scale.Intent) error {
	extend(w, s.Now().Add(previewTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), previewTimeout)
	defer cancel()
	plan, preview, err := s.Scaler.Preview(ctx, []scale.Intent{intent})
	if err != nil {
		return err
	}
	doc := dryRunAnswer{DryRun: true, Result: decisionResult(plan.Decisions[0]), Steps: []scale.ResourceStep{}}
	if refused := plan.Decisions[0].Err; refused != nil && errors.As(refused, new(*scale.UnknownPoolError)) {
		return refused
	}
	if preview != nil {
		doc.Steps = append(doc.Steps, preview.Steps...)
	}
	writeJSON(w, http.StatusOK, "application/json", doc)
	return nil
}
