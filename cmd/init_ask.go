package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/parse"
	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

// draft is a rule in the making.
type draft struct {
	inventory *snippet.Inventory
	target    snippet.Target
	rule      snippet.Rule
	// exported says that the program has a rule for the pool already.
	exported bool
}

// mostChoices is how many entries of a list are shown.
const mostChoices = 20

// draft makes the rule from what the flags told, what the stack has and, on a terminal, the answers to questions.
func (o *initOptions) draft(ctx context.Context, s *session, inventory *snippet.Inventory) (*draft, error) {
	d := &draft{inventory: inventory}
	if slices.Contains(inventory.Pools, o.pool) {
		d.rule.Pool, d.exported = o.pool, true
		return d, nil
	}
	for _, step := range []func(context.Context, *session, *draft) error{o.chooseTarget, o.chooseKey, o.choosePool, o.chooseBounds} {
		if err := step(ctx, s, d); err != nil {
			return nil, err
		}
	}
	d.rule.Current = o.current
	if o.current == "" {
		d.rule.Current, d.rule.List = inventory.CurrentFor(d.target, d.rule.ConfigKey), inventory.ListFor(d.target)
	}
	if d.rule.Current == noCurrent || d.target.Resource == nil {
		d.rule.Current = ""
	}
	return d, nil
}

// mostNear is how many targets are suggested if the named one does not exist.
const mostNear = 3

// targetList returns a line for each target. If no questions are asked, the line of a resource is its URN, for
// --target.
func (s *session) targetList(targets []snippet.Target) []string {
	list := make([]string, len(targets))
	for i, t := range targets {
		list[i] = t.String()
		if !s.asks() && t.Resource != nil {
			list[i] = t.URN
		}
	}
	return list
}

func (o *initOptions) chooseTarget(ctx context.Context, s *session, d *draft) error {
	targets := d.inventory.Targets()
	list := s.targetList(targets)
	find := func(text string) (problem string) {
		var ok bool
		if d.target, ok = d.inventory.Find(text); ok {
			return ""
		}
		if scale.IsPattern(text) {
			return fmt.Sprintf("no resource of the stack is matched by %q", text)
		}
		return fmt.Sprintf("no resource of the stack, or more than one, is meant by %q", text)
	}
	near := func(text string) (problem string) {
		if problem = find(text); problem == "" {
			return ""
		}
		would := s.targetList(d.inventory.Near(text))
		return problem + "; these would do: " + strings.Join(would[:min(mostNear, len(would))], ", ")
	}
	problem := ""
	if o.target != "" {
		problem = find(o.target)
	}
	switch {
	case problem != "":
		return missingChoice("--target", problem, s.targetList(d.inventory.Near(o.target)), "run `pulumi up` first where it is new")
	case o.target == "" && len(targets) == 0:
		return missingChoice("--target", "must be given: the stack has no resources yet", nil, "run `pulumi up` first")
	case o.target == "" && !s.asks():
		return missingChoice("--target", "must say what a scaling updates", list, "give one of them with --target")
	case o.target == "":
		at, err := s.choose(ctx, "what does a scaling update?", list, true, near)
		if err != nil {
			return err
		}
		if at >= 0 {
			d.target = targets[at]
		}
	}
	if r := d.target.Resource; r != nil {
		d.rule.Resource = r.Name
		if r.Variable != "" {
			d.rule.Resource = r.Variable
		}
	} else {
		d.rule.Pattern = d.target.URN
	}
	return nil
}

func (o *initOptions) chooseKey(ctx context.Context, s *session, d *draft) error {
	keys, likely := d.inventory.KeysFor(d.target, o.pool)
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = fmt.Sprintf("%s (%d)", k.Key, k.Value)
	}
	take := func(text string) (problem string) {
		d.rule.ConfigKey, d.rule.ConfigPath = text, o.configPath
		for _, k := range d.inventory.Keys {
			if k.Key == text {
				d.rule.ConfigPath = k.Path
			}
		}
		return d.inventory.CheckKey(text, d.rule.ConfigPath)
	}
	switch {
	case slices.Contains(d.inventory.Taken, o.configKey):
		return &scale.UsageError{Field: "--config-key", Problem: fmt.Sprintf("%q is that of another pool, and each needs its own", o.configKey),
			Hint: "where you want that pool, name it with --pool"}
	case o.configKey != "":
		if problem := take(o.configKey); problem != "" {
			return &scale.UsageError{Field: "--config-key", Problem: problem}
		}
	case !s.asks():
		return missingChoice("--config-key", "must say which config key holds the count", list, "give one of them with --config-key, or a new one that the program is going to read")
	default:
		at, err := s.choose(ctx, "which config key holds the count?", list, likely, take)
		if err != nil {
			return err
		}
		if at >= 0 {
			take(keys[at].Key)
		}
	}
	return nil
}

func (o *initOptions) choosePool(ctx context.Context, s *session, d *draft) error {
	d.rule.Pool = o.pool
	proposal := d.inventory.PoolFor(d.target)
	if o.pool == "" && !s.asks() {
		d.rule.Pool = proposal
	}
	for d.rule.Pool == "" {
		text, err := s.answer(ctx, fmt.Sprintf("what is the pool called? [%s] ", proposal))
		if err != nil {
			return err
		}
		if text == "" {
			text = proposal
		}
		if problem := parse.CheckPool("pool", text); problem != nil {
			s.note(problem.Error())
			continue
		}
		d.rule.Pool = text
	}
	return parse.CheckPool("--pool", d.rule.Pool)
}

func (o *initOptions) chooseBounds(ctx context.Context, s *session, d *draft) (err error) {
	d.rule.Min, d.rule.Max = o.min, o.max
	if o.told["max"] == unset && !s.asks() {
		return missingChoice("--max", "must say how far the pool may grow", nil, "such as --max 10; --min is 1 where it is not given")
	}
	if o.told["min"] == unset && s.asks() {
		if d.rule.Min, err = s.number(ctx, "the least count?", o.min, 0); err != nil {
			return err
		}
	}
	if o.told["max"] == unset {
		if d.rule.Max, err = s.number(ctx, "the largest count?", max(10, d.rule.Min), d.rule.Min); err != nil {
			return err
		}
	}
	if d.rule.Min > d.rule.Max {
		return &scale.UsageError{Field: "--min, --max", Problem: fmt.Sprintf("min must not be above max, and %d is above %d", d.rule.Min, d.rule.Max)}
	}
	return nil
}

// missingChoice returns the usage error for a flag that must be given. It tells what there is to choose from.
func missingChoice(flag, problem string, list []string, hint string) error {
	for i, line := range list {
		if i == mostChoices {
			problem += fmt.Sprintf("\n  … and %d more", len(list)-i)
			break
		}
		problem += "\n  " + board.OneLine(line, board.LongestLine)
	}
	return &scale.UsageError{Field: flag, Problem: problem, Hint: hint}
}

// choose asks for an entry of a list, by its number, and returns the index. If propose is true, an empty answer stands
// for the first entry. Any other text goes to take: if take finds no problem with the text, the index is -1.
func (s *session) choose(ctx context.Context, question string, list []string, propose bool, take func(string) string) (int, error) {
	shown := min(len(list), mostChoices)
	for i, line := range list[:shown] {
		s.progress.Print(fmt.Sprintf("%3d  %s\n", i+1, board.OneLine(line, board.LongestLine)))
	}
	proposal := ""
	propose = propose && shown > 0
	if propose {
		proposal = " [1]"
	}
	for {
		text, err := s.answer(ctx, question+proposal+" ")
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(text)
		problem := "answer with a number of the list, or with the name itself"
		switch {
		case text == "" && propose:
			return 0, nil
		case err == nil && n >= 1 && n <= shown:
			return n - 1, nil
		case err != nil && text != "":
			if problem = take(text); problem == "" {
				return -1, nil
			}
		}
		s.note(problem)
	}
}

// number asks for a whole number that is not below least.
func (s *session) number(ctx context.Context, question string, proposal, least int) (int, error) {
	for {
		text, err := s.answer(ctx, fmt.Sprintf("%s [%d] ", question, proposal))
		if err != nil {
			return 0, err
		}
		if text == "" {
			return proposal, nil
		}
		if n, err := strconv.Atoi(text); err == nil && n >= least && n <= scale.MaxNumber {
			return n, nil
		}
		s.note(fmt.Sprintf("answer with a whole number from %d on", least))
	}
}

// notes say what to do with the rule.
func (d *draft) notes(language snippet.Language, reads string) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(d.inventory.Pools) > 0 {
		add("the program exports rules already, of %s: add this pool to them", strings.Join(d.inventory.Pools, ", "))
	} else if language == snippet.YAML {
		add("where the program has `outputs:` already, put the part below it there")
	}
	if r := d.target.Resource; r != nil && r.Variable == "" {
		add("put in the place of the resource's name what the program calls %s %s", r.Type, r.Name)
	}
	if d.rule.List != "" && language.Counts() {
		add("put in the place of the list's name what the program calls the list of these resources")
	}
	known := false
	for _, k := range d.inventory.Keys {
		known = known || k.Key == d.rule.ConfigKey
	}
	if !known && reads != "" {
		add("the configuration has no number %q yet: `pulumi config set %s N`, and let the resource take it from there: %s", d.rule.ConfigKey, d.rule.ConfigKey, reads)
	}
	add("then run `pulumi up`, and `pulumiscale rules --verify` proves the rule")
	return out
}
