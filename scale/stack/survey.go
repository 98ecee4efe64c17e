package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
)

// Survey reads the stack's state, history and configuration file, as Read does. But where Read fails because of the
// rules or the file, Survey notes the error and reads on. Later readings do not use what it has read.
func (s *Stack) Survey(ctx context.Context) (*doctor.Survey, error) {
	stamp := s.stamp(ctx)
	state, entries, complete, err := s.readBoth(ctx)
	if err != nil {
		return nil, err
	}
	rules, _, rulesErr := s.rules(state.rules, entries)
	updates, err := s.updates(entries, rules)
	if err != nil {
		rulesErr = errors.Join(rulesErr, err)
	}
	if destroyed := s.destroyed(state, entries); destroyed != nil {
		rulesErr = destroyed
	}
	if rulesErr != nil {
		rules = nil
		if updates, err = s.updates(entries, rules); err != nil {
			return nil, err
		}
	}
	out := &doctor.Survey{RulesErr: rulesErr, Providers: providersOf(state.all), Snapshot: &scale.Snapshot{
		Rules: rules, Resources: state.resources, DependsOn: state.dependsOn, Dependencies: state.dependencies, Pending: state.pending,
		Protected: state.protected, Complete: complete, Updates: updates, Head: head(entries),
		Stamp: stamp, Output: state.output(), Config: deployedConfig(entries), Program: scale.Program{Deploy: deployOf(entries)},
	}}
	ended, _ := s.left()
	out.Unsettled, out.Unverified = s.unsettled(ended, entries, rules), unverified(ended, entries, rules)
	out.FileErr = s.fillFile(out.Snapshot)
	return out, nil
}

// providersOf returns the plugins of the providers in a state, without duplicates and without their paths.
func providersOf(resources []resourceState) []doctor.Plugin {
	var out []doctor.Plugin
	for _, r := range resources {
		name, ok := strings.CutPrefix(r.Type, providerTypes)
		if !ok || name == "pulumi" {
			continue
		}
		var inputs struct {
			Version  string `json:"version"`
			Internal struct {
				// Name is the plugin's name if it differs from the package's name, as for a parameterized provider.
				Name string `json:"name"`
			} `json:"__internal"`
		}
		var properties map[string]json.RawMessage
		_ = json.Unmarshal(r.Inputs, &properties) // what cannot be read is not known
		for key, to := range map[string]any{"version": &inputs.Version, "__internal": &inputs.Internal} {
			_ = json.Unmarshal(properties[key], to) // likewise
		}
		plugin := doctor.Plugin{Name: cmp.Or(inputs.Internal.Name, name), Version: inputs.Version}
		if slices.ContainsFunc(out, func(o doctor.Plugin) bool { return o.Name == plugin.Name && o.Version == plugin.Version }) {
			continue
		}
		out = append(out, plugin)
	}
	return out
}

// Backend asks the CLI who is logged in to which backend.
func (s *Stack) Backend(ctx context.Context) (doctor.Backend, error) {
	out, err := s.ask(ctx, "find the backend", "whoami", "--verbose", "--json")
	if err != nil {
		return doctor.Backend{}, err
	}
	var found struct{ User, URL string }
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return doctor.Backend{}, fmt.Errorf("read the output of `pulumi whoami`: %w", err)
	}
	return doctor.Backend{URL: withoutCredentials(cmp.Or(found.URL, s.project.BackendURL())), User: found.User}, nil
}

// withoutCredentials takes out of a backend's URL what nobody should see: user, password and query.
func withoutCredentials(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		before, _, _ := strings.Cut(text, "?")
		return before
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return parsed.String()
}

// Running returns a lock for each update that a backend with a server says is under way. Only the time of such a lock
// is known.
func (s *Stack) Running(ctx context.Context) ([]doctor.Lock, error) {
	out, err := s.ask(ctx, "read the stack's history", "stack", "history", "--json", "--stack", s.name, "--page", "1", "--page-size", "1")
	if err != nil {
		return nil, err
	}
	var entries []entry
	if err := json.Unmarshal([]byte(out), &entries); err != nil {
		return nil, err
	}
	var locks []doctor.Lock
	for _, e := range entries {
		if e.Result == "in-progress" {
			locks = append(locks, doctor.Lock{LockHolder: scale.LockHolder{Since: e.StartTime}})
		}
	}
	return locks, nil
}
