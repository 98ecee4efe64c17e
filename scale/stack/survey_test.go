//go:build !windows

package stack

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestABackendsAddressShowsNoCredentials(t *testing.T) {
	for text, want := range map[string]string{
		"file:///a/b?no_tmp_dir=true":        "file:///a/b",
		"file://~":                           "file://~",
		"s3://bucket?region=x&secret=hunter": "s3://bucket",
		"postgres://me:hunter@host/db":       "postgres://host/db",
		"https://api.pulumi.com":             "https://api.pulumi.com",
		"%zz?hunter":                         "%zz",
	} {
		if got := withoutCredentials(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestSurveyReadsOnWithWrongRules(t *testing.T) {
	e := newEngine(t)
	e.put("export.json", exportOf(`{"worker":{"min":1}}`))
	e.put("history1.json", history(past("update", "succeeded", time.Hour, counted, "")))
	survey, err := e.Survey(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rulesErr := (*scale.RulesError)(nil); !errors.As(survey.RulesErr, &rulesErr) {
		t.Errorf("rules error %v", survey.RulesErr)
	}
	if len(survey.Rules) != 0 || len(survey.Resources) != 2 || len(survey.Pending) != 1 || len(survey.Updates) != 1 {
		t.Errorf("got %+v", survey.Snapshot)
	}
	// Two rules with one key, spelled in two ways, are found by the keys alone.
	e.put("export.json", exportOf(`{"a":{"urn":"urn:pulumi:x","configKey":"count","min":1,"max":2},"b":{"urn":"urn:pulumi:x","configKey":"demo:count","min":1,"max":2}}`))
	if survey, err = e.Survey(context.Background()); err != nil || survey.RulesErr == nil || len(survey.Rules) > 0 {
		t.Errorf("%v, %v", survey, err)
	}
}
