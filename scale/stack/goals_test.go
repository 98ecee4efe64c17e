package stack

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestMisplaced(t *testing.T) {
	got := misplaced([]scale.Diagnostic{ // of pulumi v3.250.0
		{Message: "no capacity"},
		{Message: "Duplicate resource URN 'urn:pulumi:dev::p::c:i:Balancer::back'; try giving it a unique name"},
		{Message: "provider urn:pulumi:dev::p::pulumi:providers:c::default_0_1_1::60e27e5a-54b1 for resource urn:pulumi:dev::p::c:i:Pool::plain has " +
			"not been registered yet, this is due to a change of providers mixed with --target. Change your program back"},
	})
	if diff := cmp.Diff([]string{"urn:pulumi:dev::p::c:i:Balancer::back", "urn:pulumi:dev::p::pulumi:providers:c::default_0_1_1"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithProvider(t *testing.T) {
	got := withProvider([]string{"urn:a"}, "urn:pulumi:dev::p::pulumi:providers:c::default_0_1_1::60e27e5a-54b1")
	if diff := cmp.Diff([]string{"urn:a", "urn:pulumi:dev::p::pulumi:providers:c::default_0_1_1"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
