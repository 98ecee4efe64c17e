package stack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

const (
	refusedApplyText = `Server-Side Apply field conflict detected. See https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help: ` +
		`The resource managed by field manager "pulumi-kubernetes-1a2b3c4d" had an apply conflict: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas`
	refusedAppliesText = "had an apply conflict: Apply failed with 3 conflicts: conflicts with \"kubectl-edit\" using apps/v1:\n- .spec.paused\n- .spec.minReadySeconds\n" +
		"conflicts with \"kube-controller-manager\" with subresource \"scale\" using apps/v1:\n- .spec.replicas"
)

func TestOwnersOfFieldsAreTakenFromTheRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		messages []string
		want     []string
	}{
		"a single one":                        {[]string{refusedApplyText}, []string{"kubectl"}},
		"several":                             {[]string{refusedAppliesText}, []string{"kube-controller-manager", "kubectl-edit"}},
		"each once":                           {[]string{refusedApplyText, refusedAppliesText, refusedApplyText}, []string{"kube-controller-manager", "kubectl", "kubectl-edit"}},
		"a conflict of another sort has none": {[]string{`[409] Conflict: conflict with "kubectl"`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var told []scale.Diagnostic
			for _, message := range c.messages {
				told = append(told, scale.Diagnostic{Message: message})
			}
			if diff := cmp.Diff(c.want, ownersIn(told)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestARefusedApplyTouchesNothing(t *testing.T) {
	const urn = "urn:pulumi:dev::demo::kubernetes:apps/v1:Deployment::web"
	event := func(kind, op, of string) string {
		return fmt.Sprintf(`{%q:{"metadata":{"op":%q,"urn":%q,"type":"kubernetes:apps/v1:Deployment"}}}`, kind, op, of)
	}
	said := func(of, message string) string {
		return fmt.Sprintf(`{"diagnosticEvent":{"severity":"error","urn":%q,"message":%q}}`, of, message)
	}
	begun := []string{event("resourcePreEvent", "update", urn), event("resOpFailedEvent", "update", urn)}
	for name, c := range map[string]struct {
		log  []string
		want bool
	}{
		"the only step is refused":                    {append(begun, said(urn, refusedApplyText)), false},
		"it fails otherwise":                          {append(begun, said(urn, "the Deployment did not become ready")), true},
		"it also fails otherwise":                     {append(begun, said(urn, refusedApplyText), said(urn, "timed out")), true},
		"nothing is said of it":                       {append(begun, said("", refusedApplyText)), true},
		"the engine does not tell how the step ended": {[]string{begun[0], said(urn, refusedApplyText)}, true},
		"another target is done before it": {
			append(begun, said(urn, refusedApplyText), event("resourcePreEvent", "update", urn+"-2"), event("resOutputsEvent", "update", urn+"-2")), true,
		},
		"a replacement may be half done": {
			[]string{event("resourcePreEvent", "create-replacement", urn), event("resOpFailedEvent", "create-replacement", urn), said(urn, refusedApplyText)}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := followed([]byte(strings.Join(c.log, "\n")+"\n"), "update")
			if got := f.touched([]string{urn + "*"}); got != c.want {
				t.Errorf("touched: %v, want %v", got, c.want)
			}
		})
	}
}
