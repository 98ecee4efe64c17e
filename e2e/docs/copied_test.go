package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// inArguments matches a command that has a secret in its arguments, which all users of a machine can list.
var inArguments = regexp.MustCompile(`curl\b[^|]*(-H|--header|-u|--user)[ =]?["']?(Authorization|[^ "']*:\$)|(?i)--(token|password)[ =]["']?\$`)

// Nothing that people copy has a token in the arguments of a process.
func TestNoTokenInArguments(t *testing.T) {
	for _, line := range []string{`curl -H "Authorization: Bearer $TOKEN" x`, `curl -u "me:$TOKEN" x`, `tool --token $TOKEN`} {
		if !inArguments.MatchString(line) {
			t.Errorf("%s is not found", line)
		}
	}
	found := 0
	for _, folder := range []string{"docs", "examples", "packaging", "README.md", "scale/snippet"} {
		err := filepath.WalkDir(filepath.Join("../..", folder), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.Contains(path, "node_modules") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found += strings.Count(string(text), "curl ")
			for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
				if inArguments.MatchString(line) {
					t.Errorf("%s: %s", path, line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 5 {
		t.Errorf("only %d times curl", found)
	}
}

// workflow is the part of a GitHub workflow that decides who sees what.
type workflow struct {
	Permissions map[string]string
	Env         map[string]string
	Jobs        map[string]struct {
		RunsOn string `yaml:"runs-on"`
		Env    map[string]string
		Steps  []struct {
			Uses, Run string
			Env, With map[string]string
		}
	}
}

// A workflow reads its repository and no more. Its secrets are only in the steps that run Pulumi, and its actions are
// pinned by a commit.
func TestWorkflowsAreCareful(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w-]+/[\w/-]+@(COMMIT|[0-9a-f]{40})$`)
	count := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			if !strings.HasSuffix(b.name, ".github.yml") {
				continue
			}
			count++
			var w workflow
			if err := yaml.Unmarshal([]byte(b.text), &w); err != nil {
				t.Fatal(err)
			}
			if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
				t.Errorf("%s: permissions %v", b.name, w.Permissions)
			}
			for _, job := range w.Jobs {
				if strings.HasSuffix(job.RunsOn, "latest") {
					t.Errorf("%s runs on %s", b.name, job.RunsOn)
				}
				for key, value := range job.Env {
					if strings.Contains(value, "secrets.") {
						t.Errorf("%s: every step has %s", b.name, key)
					}
				}
				for _, step := range job.Steps {
					if step.Uses != "" && !pinned.MatchString(step.Uses) {
						t.Errorf("%s: %s is not pinned", b.name, step.Uses)
					}
					for key, value := range step.Env {
						if strings.Contains(value, "secrets.") && !strings.Contains(step.Run, "pulumi") {
							t.Errorf("%s: a step that does not run Pulumi has %s", b.name, key)
						}
					}
				}
			}
		}
	}
	if count < 2 {
		t.Errorf("only %d workflows", count)
	}
}

// An image that people copy has a version or a digest, and the version is not "latest".
func TestImagesHaveVersions(t *testing.T) {
	image := regexp.MustCompile(`(?m)^(?:\s*image:|FROM|ARG BASE=) *([^\s$]+)`)
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../../packaging/Dockerfile", "../../packaging/kubernetes.yaml", "../../packaging/kubernetes-sidecar.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range image.FindAllStringSubmatch(string(text), -1) {
			if name := m[1][strings.LastIndex(m[1], "/")+1:]; !strings.Contains(name, ":") && !strings.Contains(name, "@sha256:") || strings.HasSuffix(name, ":latest") {
				t.Errorf("%s: %s", file, m[1])
			}
		}
	}
}
