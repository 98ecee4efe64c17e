package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Token is the token of the servers of all programs.
const Token = "lab-0123456789abcdefghij"

// Program is a Pulumi program with one stack, dev.
type Program struct {
	// Name is the name of the project, and of the program's folder in the lab.
	Name  string
	Pools []Pool
	// Others is how many resources the program has that no rule names.
	Others int
	// Copied says that the program has copies in other folders, which work on the same cloud.
	Copied bool
	// TypeScript says that the program is written in TypeScript, and not in YAML. The tests' own language host runs it,
	// with the packages of the examples.
	TypeScript bool
}

// Pool is a pool of the program. The config key NAME-size holds its count. Its workers are the files in the folder NAME
// of the program's cloud, a folder beside the program's own.
type Pool struct {
	Name string
	// Size is the first count. Max is the rule's max; the rule's min is 0.
	Size, Max int
	// Rule holds further fields of the rule, in a form that both YAML and TypeScript read, such as "cooldown: 0".
	Rule string
}

// Deploy writes the program, and deploys it with [Token] in the configuration. It returns the program's folder.
func (l *Lab) Deploy(ctx context.Context, p Program) (dir string, err error) {
	dir = l.Path(p.Name)
	if err := l.write(p, dir); err != nil {
		return "", err
	}
	// Unless the engine is told not to, it writes the whole state after each resource. That takes minutes for a large
	// stack.
	quick := []string{"env", "PULUMI_EXPERIMENTAL=true", "PULUMI_SKIP_CHECKPOINTS=true", "pulumi", "--non-interactive"}
	for _, args := range [][]string{
		{"stack", "init", "dev"}, {"config", "set", "--secret", "pulumiscale:token", Token}, {"up", "--yes", "--skip-preview"},
	} {
		if _, err := l.Exec(ctx, dir, nil, append(slices.Clone(quick), args...)...); err != nil {
			return "", fmt.Errorf("deploy %s: %w", p.Name, err)
		}
	}
	return dir, nil
}

// write writes the program into a folder of its own.
func (l *Lab) write(p Program, dir string) error {
	files := map[string]string{"Pulumi.yaml": p.yaml(), "Pulumi.dev.yaml": p.config(dir)}
	if p.TypeScript {
		files["Pulumi.yaml"] = "name: " + p.Name + "\nruntime: nodejs\n"
		files["index.ts"] = p.typeScript()
		files["package.json"] = `{"name": "` + p.Name + `", "private": true, "main": "index.ts"}` + "\n"
		files["tsconfig.json"] = `{"compilerOptions": {"target": "es2022", "module": "commonjs", "moduleResolution": "node"}, "files": ["index.ts"]}` + "\n"
	}
	errs := []error{os.Mkdir(dir, 0o755)}
	for name, text := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	if p.TypeScript {
		errs = append(errs, os.Symlink(filepath.Join(l.tools, "examples", "node_modules"), filepath.Join(dir, "node_modules")))
	}
	return errors.Join(errs...)
}

// typeScript returns the program in TypeScript. The program declares the class of its resources itself, since the
// example provider has no SDK for TypeScript.
func (p Program) typeScript() string {
	var pools, rules strings.Builder
	for _, pool := range p.Pools {
		fmt.Fprintf(&pools, "const %[1]s = new Resource(\"Pool\", \"%[1]s\", { size: config.requireNumber(\"%[1]s-size\") });\n", pool.Name)
		fmt.Fprintf(&rules, "    %[1]s: { urn: %[1]s.urn, configKey: \"%[1]s-size\", min: 0, max: %[2]d, current: %[1]s.size, %[3]s },\n", pool.Name, pool.Max, pool.Rule)
	}
	for i := range p.Others {
		fmt.Fprintf(&pools, "new Resource(\"Balancer\", \"other-%d\", { tag: \"blue\" });\n", i)
	}
	return `import * as pulumi from "@pulumi/pulumi";

class Resource extends pulumi.CustomResource {
    public readonly size!: pulumi.Output<number>;

    constructor(type: string, name: string, properties: pulumi.Inputs) {
        super("localcloud:index:" + type, name, { name, ...properties }, { version: "0.1.0" });
    }
}

const config = new pulumi.Config();
` + pools.String() + "\nexport const pulumiscale = {\n" + rules.String() + "};\n"
}

// yaml returns the program in YAML.
func (p Program) yaml() string {
	var config, resources, rules strings.Builder
	for _, pool := range p.Pools {
		fmt.Fprintf(&config, "  %s-size: {type: integer}\n", pool.Name)
		fmt.Fprintf(&resources, "  %[1]s:\n    type: localcloud:index:Pool\n    name: %[1]s\n"+
			"    properties: {name: %[1]s, size: \"${%[1]s-size}\"}\n    options: {version: 0.1.0}\n", pool.Name)
		fmt.Fprintf(&rules, "    %[1]s: {urn: \"${%[1]s.urn}\", configKey: %[1]s-size, min: 0, max: %[2]d, current: \"${%[1]s.size}\", %[3]s}\n",
			pool.Name, pool.Max, pool.Rule)
	}
	for i := range p.Others {
		fmt.Fprintf(&resources, "  other-%[1]d:\n    type: localcloud:index:Balancer\n    name: other-%[1]d\n"+
			"    properties: {name: other-%[1]d, tag: blue}\n    options: {version: 0.1.0}\n", i)
	}
	return "name: " + p.Name + "\nruntime: yaml\nconfig:\n" + config.String() + "resources:\n" + resources.String() +
		"outputs:\n  pulumiscale:\n" + rules.String()
}

func (p Program) config(dir string) string {
	var text strings.Builder
	folder := "../" + p.Name + cloud
	if p.Copied {
		folder = dir + cloud
	}
	fmt.Fprintf(&text, "config:\n  localcloud:folder: %s\n", folder)
	for _, pool := range p.Pools {
		fmt.Fprintf(&text, "  %s:%s-size: %d\n", p.Name, pool.Name, pool.Size)
	}
	return text.String()
}

// cloud ends the name of a program's cloud: the folder that stands for a cloud. It is beside the program's own folder,
// since a real cloud is no part of a program either.
const cloud = ".cloud"

// Workers counts the workers that a pool really has. dir is the program's folder.
func Workers(dir, pool string) (int, error) {
	workers, err := os.ReadDir(filepath.Join(dir+cloud, pool))
	return len(workers), err
}
