package scale_test

import (
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/scaletest"
)

func TestAPoolWasNeverScaledOnlyWhereAllOfTheHistoryIsKnown(t *testing.T) {
	snap := scaletest.Snapshot()
	for complete, want := range map[bool]int{true: 0, false: len(snap.Updates)} {
		snap.Complete = complete
		if got := snap.Standing(snap.Rules["worker"], scaletest.Noon); got.Last != nil || got.LastAmong != want {
			t.Errorf("complete %v: %+v", complete, got)
		}
	}
	scaled := scaletest.Snapshot(scaletest.WithUpdates(scaletest.Update(time.Minute, "worker", "5"), scaletest.Update(time.Hour, "worker", "3")))
	scaled.Complete = false
	if got := scaled.Standing(scaled.Rules["worker"], scaletest.Noon); got.Last == nil || got.LastAmong != 0 {
		t.Errorf("scaled: %+v", got)
	}
}
