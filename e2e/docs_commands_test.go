package e2e

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// steps writes to a shell script what a workflow of a page of the documentation runs: the `run` of each step of a
// GitHub workflow, or the `script` of each job of a GitLab pipeline. Each OLD=NEW replaces, as docblock has it.
//
//	steps ci.md deploy.github.yml ../deploy.sh prod=dev
func steps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: steps PAGE NAME FILE [OLD=NEW...]")
	}
	docblock(ts, false, append([]string{args[0], args[1], "../workflow"}, args[3:]...))
	text, err := os.ReadFile(filepath.Join(ts.MkAbs(".."), "workflow"))
	ts.Check(err)
	type job struct {
		Script []string
		Steps  []struct{ Run string }
	}
	var github struct{ Jobs map[string]job }
	ts.Check(yaml.Unmarshal(text, &github))
	jobs := github.Jobs
	if jobs == nil {
		ts.Check(yaml.Unmarshal(text, &jobs))
	}
	lines := []string{"set -eu"}
	for _, job := range jobs {
		lines = append(lines, job.Script...)
		for _, step := range job.Steps {
			lines = append(lines, step.Run)
		}
	}
	if len(lines) < 2 {
		ts.Fatalf("the workflow %s runs nothing", args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(lines, "\n")+"\n"), 0o644))
}
