package stack

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestTwice(t *testing.T) {
	got := twice([]scale.Diagnostic{
		{Message: "no capacity"},
		{Message: "Duplicate resource URN 'urn:pulumi:dev::p::c:i:Balancer::back'; try giving it a unique name"}, // pulumi v3.250.0
	})
	if diff := cmp.Diff([]string{"urn:pulumi:dev::p::c:i:Balancer::back"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
