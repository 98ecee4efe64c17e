package output

import (
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
)

// Rules is the document of rules.
type Rules struct {
	Stack string `json:"stack"`
	Pools []Pool `json:"pools"`
	// Deployed is the newest update that is not a scaling of PulumiScale's. Commit is the commit that the checkout is
	// at. ConfigDiffers has the keys whose values in the config file are not those of the last successful update. Each
	// is absent if there is nothing to say.
	Deployed      *scale.Deploy `json:"deployed,omitempty"`
	Commit        string        `json:"commit,omitempty"`
	ConfigDiffers []string      `json:"configDiffers,omitempty"`
	Failure
}

// Pool is a pool's rule and how the pool stands.
type Pool struct {
	Pool string `json:"pool"`
	// Count is the present count, and Configured is that of the last successful update. Each is null if it is not
	// known.
	Count      *int `json:"count"`
	Configured *int `json:"configured"`
	Min        int  `json:"min"`
	Max        int  `json:"max"`

	Targets          []string `json:"targets"`
	TargetDependents bool     `json:"targetDependents"`
	ConfigKey        string   `json:"configKey"`
	ConfigPath       bool     `json:"configPath"`
	Refresh          bool     `json:"refresh"`
	Guard            []string `json:"guard"`
	Strategy         string   `json:"strategy"`
	// Paused is "no", "both", "up" or "down".
	Paused      string   `json:"paused"`
	Cooldown    Cooldown `json:"cooldown"`
	LastScaling *Past    `json:"lastScaling,omitempty"`
	// NotScaledAmong is the number of newest updates that were looked at and have no scaling among them. It is there if
	// there are older ones that were not looked at.
	NotScaledAmong int    `json:"notScaledAmong,omitempty"`
	Drift          *Drift `json:"drift,omitempty"`
	// Restored says that the drift has just been put right.
	Restored bool `json:"restored"`
	// Unsettled says that an update which failed or was cut off left the pool's resources in between. The next scaling
	// mends that.
	Unsettled bool `json:"unsettled"`
	// Pending are changes that would come along with a scaling, which is therefore refused. They are absent if there
	// are none, or if nothing is known of them.
	Pending []scale.PendingChange `json:"pending,omitempty"`
	// Hold is the hold that keeps the pool as it is, on the pool or on the stack.
	Hold *board.Hold `json:"hold,omitempty"`
	// Unverified says why the configured count is not proved to have come about, although its update succeeded.
	Unverified string `json:"unverified,omitempty"`
	// Problem says why the pool cannot be scaled.
	Problem string `json:"problem,omitempty"`
	// Proof is there with --verify.
	Proof *Proof `json:"proof,omitempty"`
}

// Cooldown is a rule's cooldown, in seconds, and until when it holds. The times are absent if it does not hold.
type Cooldown struct {
	Up         float64    `json:"up"`
	Down       float64    `json:"down"`
	UpUntil    *time.Time `json:"upUntil,omitempty"`
	DownUntil  *time.Time `json:"downUntil,omitempty"`
	OnCooldown string     `json:"onCooldown"`
}

// Proof is what --verify found out about a rule.
type Proof struct {
	OK      bool                 `json:"ok"`
	To      int                  `json:"to"`
	Steps   []scale.ResourceStep `json:"steps"`
	Problem string               `json:"problem,omitempty"`
}

// NewRules makes the document of rules.
func NewRules(stack string, pools []scale.Status, program scale.Program, now time.Time) *Rules {
	doc := &Rules{
		Stack: stack, Pools: make([]Pool, len(pools)), Deployed: program.Deploy, Commit: program.Commit, ConfigDiffers: program.ConfigDiffers,
	}
	for i, status := range pools {
		doc.Pools[i] = poolOf(status, now)
	}
	return doc
}

// Proved adds the proofs to the pools.
func (r *Rules) Proved(proofs []scale.RuleProof) *Rules {
	for _, p := range proofs {
		for i := range r.Pools {
			if r.Pools[i].Pool == p.Pool {
				r.Pools[i].Proof = &Proof{OK: p.Problem == "", To: p.To, Steps: steps(p.Steps), Problem: p.Problem}
			}
		}
	}
	return r
}

func poolOf(s scale.Status, now time.Time) Pool {
	rule := s.Rule
	p := Pool{
		Pool: rule.Pool, Count: s.Count, Configured: s.Configured, Min: rule.Min, Max: rule.Max,
		Targets: append([]string{}, rule.Targets...), TargetDependents: rule.TargetDependents,
		ConfigKey: rule.ConfigKey, ConfigPath: rule.ConfigPath, Refresh: rule.Refresh, Guard: []string{},
		Strategy: string(rule.Strategy.Type), Paused: string(rule.Paused), Restored: s.Restored, Unsettled: s.Unsettled, Pending: s.Pending,
		Hold: board.HoldOf(s.Hold), NotScaledAmong: s.LastAmong,
		Cooldown: Cooldown{
			Up: rule.Cooldown.Up.Seconds(), Down: rule.Cooldown.Down.Seconds(),
			UpUntil: future(s.UpUntil, now), DownUntil: future(s.DownUntil, now), OnCooldown: string(rule.OnCooldown),
		},
	}
	for _, g := range rule.Guard {
		p.Guard = append(p.Guard, string(g))
	}
	if rule.Paused == scale.PauseNone {
		p.Paused = "no"
	}
	if s.Last != nil {
		last := past(*s.Last)
		p.LastScaling = &last
	}
	if s.Drift != nil {
		d := drift(*s.Drift)
		p.Drift = &d
	}
	if s.Unverified != nil {
		p.Unverified = s.Unverified.Reason
	}
	if s.Err != nil {
		p.Problem = s.Err.Error()
	}
	return p
}

func future(t, now time.Time) *time.Time {
	if !t.After(now) {
		return nil
	}
	return moment(t)
}

// History is the document of history.
type History struct {
	Stack    string `json:"stack"`
	Scalings []Past `json:"scalings"`
	Failure
}

// Past is a past scaling.
type Past struct {
	Pool      string     `json:"pool"`
	From      int        `json:"from"`
	To        int        `json:"to"`
	Succeeded bool       `json:"succeeded"`
	Start     *time.Time `json:"start"`
	End       *time.Time `json:"end"`
	Seconds   float64    `json:"seconds"`
	By        string     `json:"by,omitempty"`
	Message   string     `json:"message,omitempty"`
}

// NewHistory makes the document of history.
func NewHistory(stack string, scalings []scale.Scaling) *History {
	doc := &History{Stack: stack, Scalings: make([]Past, len(scalings))}
	for i, s := range scalings {
		doc.Scalings[i] = past(s)
	}
	return doc
}

func past(s scale.Scaling) Past {
	return Past{
		Pool: s.Pool, From: s.From, To: s.To, Succeeded: s.Succeeded, Start: moment(s.Start), End: moment(s.End),
		Seconds: s.End.Sub(s.Start).Seconds(), By: s.By, Message: s.Message,
	}
}
