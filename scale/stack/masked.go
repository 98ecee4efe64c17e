package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
)

// The engine masks secrets: it writes [secret] in the place of every secret of the configuration, wherever the secret's
// text occurs in a string of its events or messages, even inside a URN or a rule. A masked text therefore proves
// nothing and disproves nothing. The state has the text unmasked.

// isMasked says whether a part of a text is masked.
func isMasked(text []byte) bool { return bytes.Contains(text, []byte(configfile.SecretText)) }

// fitsMask says whether a masked text may have been the known text before it was masked.
func fitsMask(masked, known string) bool {
	if !strings.Contains(masked, configfile.SecretText) {
		return masked == known
	}
	parts := strings.Split(masked, configfile.SecretText)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$").MatchString(known)
}

// unmask returns the masked value with each masked string replaced by the string at the same place of a known value.
// fits says whether the two values may be the same.
func unmask(masked, known any) (value any, fits bool) {
	fits = true
	switch m := masked.(type) {
	case string:
		if k, ok := known.(string); ok && fitsMask(m, k) {
			return k, true
		}
		return m, false
	case map[string]any:
		k, ok := known.(map[string]any)
		out := make(map[string]any, len(m))
		for name, inner := range m {
			var fit bool
			out[name], fit = unmask(inner, k[name])
			fits = fits && fit
		}
		return out, fits && ok && len(k) == len(m)
	case []any:
		k, ok := known.([]any)
		out := slices.Clone(m)
		for i := range m {
			fit := i < len(k)
			if fit {
				out[i], fit = unmask(m[i], k[i])
			}
			fits = fits && fit
		}
		return out, fits && ok && len(k) == len(m)
	}
	return masked, reflect.DeepEqual(masked, known)
}

// unmaskOutput is unmask for the rules' output in JSON. fits says whether the two outputs may be the same.
func unmaskOutput(masked, known []byte) (output []byte, fits bool) {
	var m, k any
	if json.Unmarshal(masked, &m) != nil || json.Unmarshal(known, &k) != nil {
		return masked, false
	}
	value, fits := unmask(m, k)
	return []byte(configfile.JSON(value)), fits
}

// unmaskURN returns the known URN that a masked URN must have been, if only one fits. Otherwise it returns the URN as
// it is.
func (f *follower) unmaskURN(urn string) string {
	fitting := slices.Compact(slices.DeleteFunc(slices.Sorted(slices.Values(f.known)), func(known string) bool { return !fitsMask(urn, known) }))
	if strings.Contains(urn, configfile.SecretText) && len(fitting) == 1 {
		return fitting[0]
	}
	return urn
}

// readMasked reads the rules' output from the state, if the output is masked in the events of an update that has ended.
// If the state cannot be read, the output stays masked.
func (s *Stack) readMasked(ctx context.Context, f *follower) {
	if !isMasked(f.result.Output) {
		return
	}
	state, err := s.readState(ctx)
	if output := state.output(); err == nil && output != nil {
		f.result.Output = output
	}
}

// knownURNs returns the URNs that may occur in the events of a change.
func (s *Stack) knownURNs(targets []string) []string {
	if last := s.last.Load(); last != nil {
		return slices.Concat(targets, last.Resources)
	}
	return slices.Clone(targets)
}
