package journal

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/queue"
	"github.com/pulumiscale/pulumiscale/scale/queue/journaltest"
)

// A full disk has a process of its own, in which files can be limited: see TestAFullDiskAcceptsNothing.
func TestItKeepsWhatAJournalPromises(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Place {
		dir := t.TempDir()
		return journaltest.Place{Open: func(t *testing.T) queue.Journal { return open(t, dir) }}
	})
}
