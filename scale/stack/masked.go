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

// The engine puts [secret] in the place of every secret of the configuration, wherever its text occurs in a string that
// its events or its messages hold, even inside a URN or a rule. What is masked in this way proves nothing and disproves
// nothing: the state has the text as it is.

// isMasked says whether a part of a text is masked.
func isMasked(text []byte) bool { return bytes.Contains(text, []byte(configfile.SecretText)) }

// fitsMask says whether a known text may be what a masked one was.
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

// unmask is a value whose masked strings are replaced by those at the same place of a known value. It says whether the
// two may be the same.
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

// unmaskOutput is unmask for the rules' output in JSON. It says whether the two outputs may be the same.
func unmaskOutput(masked, known []byte) (output []byte, fits bool) {
	var m, k any
	if json.Unmarshal(masked, &m) != nil || json.Unmarshal(known, &k) != nil {
		return masked, false
	}
	value, fits := unmask(m, k)
	return []byte(configfile.JSON(value)), fits
}

// unmaskURN is the known URN that a masked one must have been, if only one fits; otherwise it stays as it is.
func (f *follower) unmaskURN(urn string) string {
	fitting := slices.Compact(slices.DeleteFunc(slices.Sorted(slices.Values(f.known)), func(known string) bool { return !fitsMask(urn, known) }))
	if strings.Contains(urn, configfile.SecretText) && len(fitting) == 1 {
		return fitting[0]
	}
	return urn
}

// readMasked reads what the events of an update that has ended do not tell because it is masked in them. If the state
// cannot be read, it stays masked.
func (s *Stack) readMasked(ctx context.Context, f *follower) {
	if !isMasked(f.result.Output) {
		return
	}
	state, err := s.readState(ctx)
	if output := state.output(); err == nil && output != nil {
		f.result.Output = output
	}
}

// knownURNs are the URNs that a change may be about.
func (s *Stack) knownURNs(targets []string) []string {
	if last := s.last.Load(); last != nil {
		return slices.Concat(targets, last.Resources)
	}
	return slices.Clone(targets)
}
