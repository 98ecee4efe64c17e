package scale

import (
	"testing"
	"time"
)

func TestAPoolWasNeverScaledOnlyWhereAllOfTheHistoryIsKnown(t *testing.T) {
	snap := snapshot()
	for complete, want := range map[bool]int{true: 0, false: len(snap.Updates)} {
		snap.Complete = complete
		if got := snap.Status(snap.Rules["worker"], noon); got.Last != nil || got.LastAmong != want {
			t.Errorf("complete %v: %+v", complete, got)
		}
	}
	scaled := snapshot(withUpdates(update(time.Minute, "worker", "5"), update(time.Hour, "worker", "3")))
	scaled.Complete = false
	if got := scaled.Status(scaled.Rules["worker"], noon); got.Last == nil || got.LastAmong != 0 {
		t.Errorf("scaled: %+v", got)
	}
}
