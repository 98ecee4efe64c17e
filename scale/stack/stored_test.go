package stack

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// An update read from the storage is the same as one that the CLI shows, so that neither seems to be a newer one. Both
// files are of one update, made by v3.274.1 with a secret, an object and a number that no float holds.
func TestAStoredUpdateIsWhatTheCLIShows(t *testing.T) {
	stored, err := storedEntry([]byte(filestest.Content(t, filepath.Join("testdata", "stored", "update.json"))))
	if err != nil {
		t.Fatal(err)
	}
	var shown []entry
	decoder := json.NewDecoder(bytes.NewReader([]byte(filestest.Content(t, filepath.Join("testdata", "stored", "shown.json")))))
	decoder.UseNumber()
	if err := decoder.Decode(&shown); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown[0], stored); diff != "" {
		t.Errorf("-shown +stored:\n%s", diff)
	}
	if got, want := head([]entry{stored}), head(shown); got != want {
		t.Errorf("head %s, want %s", got, want)
	}
}

func TestAnUpdateThatIsNotJSON(t *testing.T) {
	if _, err := storedEntry([]byte("{")); err == nil {
		t.Error("no error")
	}
}
