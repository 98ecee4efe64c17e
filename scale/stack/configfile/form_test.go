package configfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/scale"
)

// twoPaths are rules of two pools whose counts stand in one structure.
func twoPaths() scale.Rules {
	rule := func(pool string) scale.Rule {
		return scale.Rule{Pool: pool, Targets: []string{"**::" + pool}, ConfigKey: "pools." + pool + ".count", ConfigPath: true, Max: 20}
	}
	return scale.Rules{"web": rule("web"), "jobs": rule("jobs")}
}

func TestAFormThatEntanglesOnePoolIsNoneOfTheOthers(t *testing.T) {
	for name, c := range map[string]struct {
		doc  string
		want map[string]string
	}{
		"plain": {"config:\n  demo:pools:\n    web: {count: 2}\n    jobs: {count: 2}\n", nil},
		"an alias": {
			"config:\n  demo:pools:\n    default: &default\n      count: 2\n    web:\n      count: 2\n    jobs: *default\n",
			map[string]string{"jobs": "it stands behind the alias *default (line 7)"},
		},
		"an alias for the count alone": {
			"config:\n  demo:pools:\n    size: &size 2\n    web:\n      count: 2\n    jobs:\n      count: *size\n",
			map[string]string{"jobs": "it stands behind the alias *size (line 7)"},
		},
		"an anchor that another one uses": {
			"config:\n  demo:pools:\n    web: &web\n      count: 2\n    jobs: *web\n",
			map[string]string{"web": "it stands in what the anchor &web (line 3) gives to others too (line 5)", "jobs": "it stands behind the alias *web (line 5)"},
		},
		"an anchor that nobody uses":             {"config:\n  demo:pools: &pools\n    web: {count: &n 2}\n    jobs: {count: 2}\n", nil},
		"an anchor of something else":            {"config:\n  demo:zone: &zone a\n  demo:other: *zone\n  demo:pools:\n    web: {count: 2}\n    jobs: {count: 2}\n", nil},
		"a merge, which a key of its own covers": {"config:\n  demo:pools:\n    default: &default\n      count: 2\n    web:\n      count: 2\n    jobs:\n      <<: *default\n      zone: b\n", nil},
		"an alias above all": {
			"all: &all\n  demo:pools:\n    web: {count: 2}\n    jobs: {count: 2}\nconfig: *all\n",
			map[string]string{"web": "it stands behind the alias *all (line 5)", "jobs": "it stands behind the alias *all (line 5)"},
		},
		"two documents": {"config:\n  demo:pools:\n    web: {count: 2}\n    jobs:\n      count: |\n        2\n---\nmine: 1\n", map[string]string{"jobs": "the file holds several documents"}},
		"two spellings": {
			"config:\n  pools:\n    web: {count: 2}\n    jobs: {count: 2}\n  demo:pools:\n    web: {count: 3}\n",
			map[string]string{
				"web":  `it stands there as "demo:pools" (line 5) and as "pools" (line 2), and Pulumi takes one of them at random`,
				"jobs": `it stands there as "demo:pools" (line 5) and as "pools" (line 2), and Pulumi takes one of them at random`,
			},
		},
		"no YAML":      {"config: [\n", nil},
		"no mapping":   {"- a\n", nil},
		"nothing":      {"# nothing\n", nil},
		"config alone": {"config:\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t, c.doc)
			got, err := f.Forms(twoPaths())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			// Each of the others can be changed, and then says what it said, while the entangled ones stay.
			for pool, rule := range twoPaths() {
				if _, is := c.want[pool]; is || strings.Contains(name, "no ") {
					continue
				}
				settings := []scale.Setting{{Key: rule.ConfigKey, Path: true, Value: new("7")}}
				if form := c.want["jobs"]; form != "" && pool == "web" {
					settings = append(settings, scale.Setting{Key: "pools.jobs.count", Path: true, Value: new("2")})
				}
				if strings.Contains(name, "two documents") {
					settings = settings[:1]
				}
				edited, err := f.edit([]byte(c.doc), settings)
				if err != nil {
					t.Errorf("%s: %v", pool, err)
				}
				if text, ok := pulumiValue(t, string(edited), rule.ConfigKey, true); !ok || text != "7" {
					t.Errorf("%s: Pulumi reads %q in\n%s", pool, text, edited)
				}
			}
		})
	}
}

func TestOneOfTwoDocumentsIsChangedInItsPlace(t *testing.T) {
	got, err := setConfig("config:\n  demo:workerCount: 3\n---\nmine: 1\n", "workerCount", false, new("12"))
	if err != nil || got != "config:\n  demo:workerCount: 12\n---\nmine: 1\n" {
		t.Errorf("got %q, error %v", got, err)
	}
	for _, doc := range []string{"config:\n  demo:workerCount: |\n    3\n---\nmine: 1\n", "encryptionsalt: x\n---\nmine: 1\n"} {
		if got, err := setConfig(doc, "workerCount", false, new("12")); err == nil && !strings.Contains(got, "mine: 1") {
			t.Errorf("the second one is lost:\n%s", got)
		}
	}
}

func TestAValueThatStandsThereIsLeftAsItIs(t *testing.T) {
	for _, doc := range []string{
		"config:\n  demo:workerCount: 0xc # twelve\n", "config:\n  demo:workerCount: &n 12\n  demo:other: *n\n", "a: &a {demo:workerCount: 12}\nconfig: *a\n",
		"config:\n  demo:workerCount: >-\n    12\n", "config:\n  demo:workerCount: !!str 12\n", "config:\n  demo:workerCount: 1_2\n", "config:\n  demo:workerCount: 12.0\n",
	} {
		if got, err := setConfig(doc, "workerCount", false, new("12")); err != nil || got != doc {
			t.Errorf("got %q, error %v, want\n%s", got, err, doc)
		}
	}
}

// What Pulumi hands to a program for each of these is taken for the count, or for no count.
func TestCountsAreReadAsPulumiReadsThem(t *testing.T) {
	for _, value := range []string{
		"3", `"3"`, "'3'", "03", "010", "0o10", "0x10", "0b11", "1_000", "3.0", "3.5", "3e0", "+3", "-3", "null", "~", "", "yes", "true", "[3]", "{a: 3}", "!!str 3", "!!int \"3\"", "!own 3",
		"3 # three", "|\n    3", ">-\n    3", "\"3\\n\"", strings.Repeat("9", 40), "12345678901234567",
	} {
		doc := "config:\n  demo:a: " + value + "\n"
		values, err := tempFile(t, doc).Counts(leastRule("a", false))
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		want, there := pulumiValue(t, doc, "a", false)
		got := values["worker"]
		if got == nil && there && want != "" || got != nil && (!there || *got != want) {
			t.Errorf("%s: got %v, and Pulumi reads %q (there: %v)", value, text(got), want, there)
		}
	}
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}

func TestACopyHasEveryCountHoweverItStandsInTheFile(t *testing.T) {
	const doc = "config:\n  demo:pools:\n    default: &default # all\n      count: 2\n    web: &web\n      <<: *default\n      zone: a\n    jobs: *web\n  demo:workerCount: 3\n"
	settings := []scale.Setting{{Key: "pools.web.count", Path: true, Value: new("5")}, {Key: "pools.jobs.count", Path: true, Value: new("7")}}
	f := tempFile(t, doc)
	got, err := f.ForChange(scale.Change{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"pools.web.count": "5", "pools.jobs.count": "7", "pools.default.count": "2", "pools.jobs.zone": "a", "workerCount": "3"} {
		if text, _ := pulumiValue(t, string(got), key, key != "workerCount"); text != want {
			t.Errorf("%s: Pulumi reads %q, want %q in\n%s", key, text, want, got)
		}
	}
	if err := f.Write(settings[:1]); err == nil {
		t.Error("the file itself was changed")
	}
}
