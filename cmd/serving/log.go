package serving

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/queue"
)

// logEvent writes down what goes on in the queue, the scaler and the engine.
func logEvent(log *slog.Logger, event scale.Event) {
	switch e := event.(type) {
	case queue.Submitted:
		d := e.Decision
		log.Info("decided", "pool", d.Intent.Pool, "source", d.Intent.Source, "ask", d.Intent.Ask(), "outcome", string(d.Outcome),
			"from", count(d.From), "to", d.To, "reason", d.Reason, "operation", e.Operation.ID, "accepted", e.Accepted, "duplicate", e.Duplicate)
	case queue.Changed:
		op := e.Operation
		level := slog.LevelInfo
		if op.Result == queue.FinalFailed || op.Result == queue.FinalUnverified {
			level = slog.LevelError
		}
		log.Log(context.Background(), level, "operation", "pool", op.Intent.Pool, "operation", op.ID, "state", string(op.State), "result", string(op.Result),
			"from", count(op.From), "to", count(op.To), "reason", op.Error)
	case queue.BatchDone:
		logBatch(log, e)
	case queue.Postponed:
		log.Warn("the stack cannot be changed now; it is tried again", reason(e.Err, "until", e.Until, "attempt", e.Attempt)...)
	case queue.Refreshed:
		if e.Err != nil && !scale.IsOff(e.Err) { // that scaling is off is logged once, by scale.SwitchedOff
			logUnread(log, e)
		}
	case queue.JournalFailed:
		log.Error("the journal cannot be written; it is tried again", reason(e.Err)...)
	case queue.DutyChanged:
		if e.OnDuty {
			log.Info("this replica now scales this stack")
		} else {
			log.Info("this replica no longer scales this stack; another replica can take over")
		}
	case queue.JournalMended:
		log.Info("the journal can be written again")
	case scale.Retrying:
		log.Warn("trying again", reason(e.Err, "attempt", e.Attempt, "of", e.Of, "delay", e.Delay.String())...)
	case scale.Drifted:
		log.Warn("the config file differs from the last successful update", "pool", e.Pool, "key", e.Key, "restored", e.Restored, "edit", e.Edit)
	case scale.EngineStarted:
		log.Info("the engine has begun", "preview", e.Preview, "message", e.Message)
	case scale.StepDone:
		if e.Preview {
			return
		}
		log.Info("resource", "op", e.Step.Op, "urn", e.Step.URN, "failed", e.Failed)
	case scale.Diagnosed:
		logDiagnostic(log, e.Diagnostic)
	default:
		logOthers(log, event)
		logProgram(log, event)
		logRecovery(log, event)
	}
}

// logUnread logs that the stack could not be read, or that its rules have mistakes.
func logUnread(log *slog.Logger, e queue.Refreshed) {
	switch rules := scale.IsA[*scale.RulesError](e.Err); {
	case rules && e.NoRules:
		log.Error("the deployed rules have mistakes, and no older rules are in force; requests to scale are answered with 503", reason(e.Err)...)
	case rules:
		log.Error("the deployed rules have mistakes; the rules from before stay in force", reason(e.Err)...)
	default:
		log.Error("the stack cannot be read; requests to scale are answered with 503 until it can", reason(e.Err)...)
	}
}

// logOthers logs what other people's updates and edits change for PulumiScale. It also logs a count that the metrics
// want and the pool does not get.
func logOthers(log *slog.Logger, event scale.Event) {
	switch e := event.(type) {
	case scale.SwitchedOff:
		log.Error("scaling is switched off until somebody's next `pulumi up`", reason(e.Err)...)
	case scale.SwitchedOn:
		log.Info("scaling is switched on again")
	case scale.Remarked:
		for _, remark := range e.Remarks {
			log.Warn("the program here is not what was deployed", "reason", remark)
		}
		if len(e.Remarks) == 0 {
			log.Info("the program here is what was deployed")
		}
	case scale.Overtaken:
		log.Warn("another update of the stack finished first; computing the count again from its result", "pools", e.Pools)
	case scale.Stale:
		log.Info("the stack or the program changed meanwhile; computing the count again", "reason", e.Err.What)
	case scale.Proved:
		logProof(log, e)
	case queue.Unmet:
		d := e.Decision
		log.Warn("the pool is not scaled although its metrics ask for another count", "pool", d.Intent.Pool, "from", count(d.From), "to", d.To, "outcome", string(d.Outcome), "reason", d.Reason)
	case scale.PendingOperations:
		log.Warn("an earlier update left resources in the middle of an operation", "urns", e.URNs)
	}
}

// logProgram logs what is done to the program in the clone, and which counts are committed.
func logProgram(log *slog.Logger, event scale.Event) {
	switch e := event.(type) {
	case scale.CountsCommitted:
		if e.Commit != "" {
			log.Info("the counts are committed", "branch", e.Branch, "commit", e.Commit)
		}
		for _, edit := range e.Edits {
			log.Warn("the branch has somebody's edit, which is left alone", "branch", e.Branch, "pool", edit.Pool, "reason", edit.String())
		}
	case scale.CountsNotCommitted:
		log.Warn("the counts are not committed yet; it is tried again", reason(e.Err, "branch", e.Branch, "pools", e.Pools)...)
	case scale.ProgramMoving:
		log.Info("bringing the program to the commit of the last deploy", "from", e.From, "to", e.To)
	case scale.ProgramPreparing:
		log.Info("preparing the program", "command", e.Command)
	case scale.ProgramMoved:
		log.Info("the program is there and prepared", "from", e.From, "to", e.To, "seconds", e.Took.Seconds())
	case scale.ProgramEdited:
		log.Warn("files in PulumiScale's own checkout of the program were edited: the edits are saved as a git ref and removed from it", "files", e.Files, "ref", e.Ref)
	}
}

// logProof logs what a proof that was made in idle time has found.
func logProof(log *slog.Logger, e scale.Proved) {
	if e.Err != nil {
		log.Warn("it cannot be told whether changes are pending; it is tried again", reason(e.Err)...)
	} else if len(e.Pending) == 0 {
		log.Info("no changes are pending any more")
	}
	for _, pool := range slices.Sorted(maps.Keys(e.Pending)) {
		if changes := e.Pending[pool]; len(changes) > 0 {
			log.Warn("the pool is not scaled while changes are pending", "pool", pool, "reason", scale.DescribePending(changes))
		}
	}
}

// logRecovery logs what is done about an update that failed or was cut off, and which holds begin and end.
func logRecovery(log *slog.Logger, event scale.Event) {
	switch e := event.(type) {
	case scale.LockRemoved:
		if len(e.Holders) == 0 {
			log.Warn("removed the damaged lock that an engine of ours had left")
		}
		for _, h := range e.Holders {
			log.Warn("removed the lock that a dead engine of ours had left", "holder", h.String())
		}
	case scale.Settling:
		log.Warn("an update failed or was cut off; bringing its pools back to the previous count", "pools", e.Pools)
	case queue.HoldsChanged:
		for _, h := range e.Now {
			if !slices.Contains(e.Before, h) {
				log.Warn("held", "pool", h.Pool, "until", h.Until, "by", h.By, "reason", h.Reason)
			}
		}
		for _, h := range e.Before {
			if !slices.ContainsFunc(e.Now, func(n scale.Hold) bool { return n.Pool == h.Pool }) {
				log.Info("no longer held", "pool", h.Pool, "by", h.By, "reason", h.Reason)
			}
		}
	case queue.Announced:
		for _, u := range e.Upcoming {
			log.Warn("about to bring a pool back", "pool", u.Pool, "to", u.To, "at", u.At, "reason", u.Why)
		}
	case scale.Settled:
		if e.Err != nil {
			log.Error("not yet back at the previous count; it is tried again", reason(e.Err, "pools", e.Pools)...)
			return
		}
		log.Info("back at the previous count", "pools", e.Pools)
	}
}

func logBatch(log *slog.Logger, e queue.BatchDone) {
	if e.Err != nil && !e.Postponed { // queue.Postponed has told of a postponed batch
		log.Error("scaling failed", reason(e.Err, "operations", len(e.Operations), "duration", e.Duration.String())...)
	}
	if e.Report == nil {
		return
	}
	for _, r := range e.Report.Results {
		if r.Unverified != "" {
			log.Error("scaled, but not verified", "pool", r.Pool, "from", count(r.From), "to", r.To, "reason", r.Unverified)
			continue
		}
		log.Info("scaled", "pool", r.Pool, "from", count(r.From), "to", r.To, "reason", r.Why, "duration", e.Duration.String())
	}
}

func logDiagnostic(log *slog.Logger, d scale.Diagnostic) {
	switch d.Severity {
	case "error":
		log.Error("the engine says", "urn", d.URN, "message", d.Message)
	case "warning":
		log.Warn("the engine says", "urn", d.URN, "message", d.Message)
	default:
		log.Debug("the engine says", "urn", d.URN, "message", d.Message)
	}
}

// reason returns the attributes of a log line about an error: those given, the text of the error and, if the error has
// one, the hint that says what to do.
func reason(err error, attributes ...any) []any {
	attributes = append(attributes, "reason", err.Error())
	if hint := hintOf(err); hint != "" {
		attributes = append(attributes, "hint", hint)
	}
	return attributes
}

// hintOf returns the hint of an error; empty if it has none.
func hintOf(err error) string {
	if e, ok := errors.AsType[*scale.SetupError](err); ok && e.Hint != "" {
		return e.Hint
	}
	if e, ok := errors.AsType[*scale.UsageError](err); ok {
		return e.Hint
	}
	return ""
}

// count returns a count for the log; nil if the count is not known.
func count(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}
