package scale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestWhatIsAlikeIsSaidOnce(t *testing.T) {
	of := func(urn, message string) scale.Diagnostic {
		return scale.Diagnostic{Severity: "error", URN: urn, Message: message}
	}
	warning := of("a", "quota")
	warning.Severity = "warning"
	for name, c := range map[string]struct {
		diagnostics []scale.Diagnostic
		want        []scale.SaidOf
	}{
		"of several resources, where it was said first": {
			[]scale.Diagnostic{of("a", "quota"), of("b", "other"), of("c", "quota")},
			[]scale.SaidOf{{Diagnostic: of("a", "quota"), URNs: []string{"a", "c"}}, {Diagnostic: of("b", "other"), URNs: []string{"b"}}},
		},
		"of no resource":            {[]scale.Diagnostic{of("", "x"), of("", "x")}, []scale.SaidOf{{Diagnostic: of("", "x")}}},
		"a warning is not an error": {[]scale.Diagnostic{of("a", "quota"), warning}, []scale.SaidOf{{Diagnostic: of("a", "quota"), URNs: []string{"a"}}, {Diagnostic: warning, URNs: []string{"a"}}}},
		"whatever name the provider applies by": {
			[]scale.Diagnostic{of("a", `manager "pulumi-kubernetes-1a2b" had`), of("b", `manager "pulumi-kubernetes-3c4d" had`)},
			[]scale.SaidOf{{Diagnostic: of("a", `manager "pulumi-kubernetes-…" had`), URNs: []string{"a", "b"}}},
		},
		"alone as it was given": {
			[]scale.Diagnostic{of("a", `manager "pulumi-kubernetes-1a2b" had`)},
			[]scale.SaidOf{{Diagnostic: of("a", `manager "pulumi-kubernetes-1a2b" had`), URNs: []string{"a"}}},
		},
		"nothing": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, scale.SayOnce(c.diagnostics)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnErrorSaysOnceWhatTheEngineSaidOfSeveralResources(t *testing.T) {
	err := &scale.EngineError{Operation: "update", Diagnostics: []scale.Diagnostic{{URN: "a", Message: "quota\n"}, {URN: "b", Message: "quota\n"}, {URN: "a", Message: "x"}}}
	if got, want := err.Error(), "the update failed: quota (2 resources): x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
