package docs

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// examples are the programs in examples/ and the configuration that they need. COUNT stands for the count in it.
var examples = map[string]map[string]string{
	"aws-autoscaling-group": {"workerCount": "COUNT"},
	"aws-instances":         {"workerCount": "COUNT"},
	"digitalocean-droplets": {"workerCount": "COUNT"},
	"eks-node-group": {
		"clusterName": "shop", "subnetIds": `["subnet-1"]`, "nodeRoleArn": "arn:aws:iam::123456789012:role/nodes",
		"nodes": `{"count": COUNT, "type": "m7i.large"}`,
	},
	"kubernetes-shards": {"shards": "COUNT", "workers": "COUNT"},
}

// deployed are the programs in YAML, which the end-to-end tests deploy.
var deployed = []string{"kubernetes-autoscaler", "kubernetes-deployment", "worker-pool"}

// TestExamplesExportTheirRules runs each example and proves its rules on what it registers.
func TestExamplesExportTheirRules(t *testing.T) {
	for name, config := range examples {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, "examples", name)
			p := program{}
			if _, err := os.Stat(filepath.Join(dir, "index.ts")); err == nil {
				p.run = node(t, filepath.Join(name, "index.js"))
			} else {
				p = onStandIns(t, filepath.Join(dir, "__main__.py"))
			}
			p.project, p.config = name, config
			p.check(t)
		})
	}
}

// TestEveryExampleIsChecked demands that each folder with a program is known here, and has what a user needs.
func TestEveryExampleIsChecked(t *testing.T) {
	projects, err := filepath.Glob(filepath.Join(root, "examples/*/Pulumi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range projects {
		var project struct{ Name string }
		read(t, file, &project)
		name := filepath.Base(filepath.Dir(file))
		if project.Name != name {
			t.Errorf("%s: the project is named %q", file, project.Name)
		}
		if slices.Contains(deployed, name) {
			continue
		}
		found = append(found, name)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(examples)), found); diff != "" {
		t.Errorf("-tested +there:\n%s", diff)
	}
}

// TestExamplesWantWhatTheyAreCheckedWith compares the majors of the SDKs that an example asks for with the pins that it
// is checked with.
func TestExamplesWantWhatTheyAreCheckedWith(t *testing.T) {
	type manifest struct{ Dependencies, DevDependencies map[string]string }
	var pins manifest
	read(t, filepath.Join(root, "tools/examples/package.json"), &pins)
	files, err := filepath.Glob(filepath.Join(root, "examples/*/package.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d manifests, %v", len(files), err)
	}
	for _, file := range files {
		var wants manifest
		read(t, file, &wants)
		maps.Copy(wants.Dependencies, wants.DevDependencies)
		for name, version := range wants.Dependencies {
			if major(version) != major(pins.Dependencies[name]) {
				t.Errorf("%s wants %s %s, and is checked with %q", file, name, version, pins.Dependencies[name])
			}
		}
	}
}

// TestExamplesCompileAsTheyAreChecked compares the compiler's options of each example with those of the check.
func TestExamplesCompileAsTheyAreChecked(t *testing.T) {
	type config struct{ CompilerOptions map[string]any }
	var ours config
	if err := json.Unmarshal([]byte(compilerOptions), &ours); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "examples/*/tsconfig.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d configurations, %v", len(files), err)
	}
	for _, file := range files {
		var theirs config
		read(t, file, &theirs)
		for _, option := range []string{"strict", "target", "module", "moduleResolution", "skipLibCheck"} {
			if theirs.CompilerOptions[option] != ours.CompilerOptions[option] {
				t.Errorf("%s: %s is %v, checked with %v", file, option, theirs.CompilerOptions[option], ours.CompilerOptions[option])
			}
		}
	}
}

// TestLockRecordsNoAddresses demands that packages come from whatever registry npm is set up with. The lock says which
// they are by their hashes.
func TestLockRecordsNoAddresses(t *testing.T) {
	var lock struct {
		Packages map[string]struct{ Resolved, Integrity string }
	}
	read(t, filepath.Join(root, "tools/examples/package-lock.json"), &lock)
	for name, pkg := range lock.Packages {
		if pkg.Resolved != "" || name != "" && pkg.Integrity == "" {
			t.Errorf("%s: resolved %q, integrity %q", name, pkg.Resolved, pkg.Integrity)
		}
	}
}

// read reads a file of YAML or JSON.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decode := json.Unmarshal
	if filepath.Ext(file) == ".yaml" {
		decode = yaml.Unmarshal
	}
	if err := decode(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// major is the first number of a version or a range such as ^7.0.0.
func major(version string) string {
	for i, r := range version {
		if r == '.' {
			return version[:i]
		}
		if r == '^' {
			return major(version[i+1:])
		}
	}
	return version
}
