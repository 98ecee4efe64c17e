package stack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsMaskedProvesNothing(t *testing.T) {
	for _, c := range []struct {
		name, masked, known, want string
		fits                      bool
	}{
		{"a part of a string", `{"w":{"urn":"urn:p::[secret]-pool"}}`, `{"w":{"urn":"urn:p::worker-pool"}}`, `{"w":{"urn":"urn:p::worker-pool"}}`, true},
		{"several parts, and in a list", `["[secret]:[secret]:Stack"]`, `["pulumi:pulumi:Stack"]`, `["pulumi:pulumi:Stack"]`, true},
		{"but the rest disproves", `{"urn":"a-[secret]"}`, `{"urn":"b-worker"}`, `{"urn":"a-[secret]"}`, false},
		{"and so does a number beside it", `{"urn":"[secret]","current":4}`, `{"urn":"x","current":3}`, `{"current":4,"urn":"x"}`, false},
		{"and one field more or less", `{"urn":"[secret]"}`, `{"urn":"x","max":3}`, `{"urn":"x"}`, false},
		{"a shorter list", `["[secret]","b"]`, `["x"]`, `["x","b"]`, false},
		{"letters that mean something in patterns", `["a.c[secret]"]`, `["abcx"]`, `["a.c[secret]"]`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, fits := unmaskOutput([]byte(c.masked), []byte(c.known))
			if diff := cmp.Diff(c.want, string(got)); diff != "" || fits != c.fits {
				t.Errorf("fits %v, -want +got:\n%s", fits, diff)
			}
			f := &follower{before: []byte(c.masked)}
			if f.foundOther([]byte(c.known)) == c.fits {
				t.Error("found another one")
			}
		})
	}
}

func TestAMaskedURNIsTheOnlyOneThatItMayBe(t *testing.T) {
	f := &follower{known: []string{"urn:a::worker-1", "urn:a::worker-1", "urn:a::worker-2", "urn:a::api"}}
	for masked, want := range map[string]string{
		"urn:a::[secret]-1": "urn:a::worker-1", "urn:a::[secret]-3": "urn:a::[secret]-3", "urn:a::[secret]er-[secret]": "urn:a::[secret]er-[secret]", "urn:b": "urn:b",
	} {
		if got := f.unmaskURN(masked); got != want {
			t.Errorf("%s: %s", masked, got)
		}
	}
}
