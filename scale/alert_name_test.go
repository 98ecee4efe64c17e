package scale_test

import (
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestNamesOfAlerts(t *testing.T) {
	long := strings.Repeat("é", 1<<19)
	for name, c := range map[string]struct {
		name string
		kept bool
	}{
		"a name is kept as it is, with all that is in it": {"High\x1b[31m\u202eCPU", true},
		"a kilobyte is":          {long[:1024], true},
		"what is longer is not":  {long[:1026], false},
		"nor is what is no text": {strings.Repeat("\xff", 2000), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := scale.AlertName(c.name); (got == c.name) != c.kept || len(got) > 1024 || scale.AlertName(got) != got {
				t.Errorf("%d bytes: %.80q", len(got), got)
			}
		})
	}
	if scale.AlertName(long) == scale.AlertName(long+"x") {
		t.Error("two names that begin alike are one")
	}
}

// A trigger is found by the whole name, however long it is.
func TestATriggerOfALongName(t *testing.T) {
	long := strings.Repeat("x", 5000)
	rule := scale.Rule{Pool: "w", Min: 0, Max: 100, ConfigKey: "n", OnCooldown: scale.Ignore, Strategy: scale.Strategy{Type: scale.Step}, Triggers: map[string]scale.Trigger{
		long + "a": {Delta: new(7)}, long + "b": {Delta: new(9)},
	}}
	for alert, want := range map[string]int{long + "a": 10, long + "b": 12} {
		intent := scale.Intent{Pool: "w", Signal: &scale.Signal{Alert: scale.AlertName(alert)}}
		if got := scale.Decide(rule, scale.Pool{Count: new(3)}, intent, scaletest.Noon); got.To != want {
			t.Errorf("%+v, want %d", got, want)
		}
	}
}
