package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// globals are what the blocks take for granted: the resources of the reader's program.
const globals = `import * as aws from "@pulumi/aws";
declare global {
    const workers: aws.autoscaling.Group;
    const busy: aws.cloudwatch.MetricAlarm;
}
`

const imports = `import * as aws from "@pulumi/aws"; import * as pulumi from "@pulumi/pulumi";` + "\n"

// What an example's own tsconfig.json says too: a test compares them.
const compilerOptions = `{"compilerOptions": {"strict": true, "target": "es2020", "module": "commonjs", "moduleResolution": "node",
	"skipLibCheck": true, "types": ["node"], "outDir": "out", "rootDir": "."}, "include": ["*.ts", "*/index.ts"]}`

// workshop is the folder in which all TypeScript of the documentation and the examples is compiled.
var workshop string

// compile type-checks and compiles all of it at once, for all tests, because most of the time goes into reading the
// SDKs.
var compile = sync.OnceValue(func() error { return compileInto(workshop) })

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pulumiscale-docs-")
	if err != nil {
		panic(err)
	}
	workshop = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// sdks is where the Node.js SDKs are installed; `make examples` says where.
func sdks() string {
	dir := os.Getenv("EXAMPLES_SDK")
	if dir == "" {
		dir = filepath.Join(root, ".tools/examples")
	}
	dir, err := filepath.Abs(filepath.Join(dir, "node_modules"))
	if err != nil {
		return ""
	}
	return dir
}

// compileInto writes every block and every example into a folder and compiles them, together with the programs in YAML.
func compileInto(dir string) error {
	if _, err := os.Stat(filepath.Join(sdks(), "typescript")); err != nil {
		return fmt.Errorf("the SDKs are not installed: run `make examples`: %w", err)
	}
	if err := os.Symlink(sdks(), filepath.Join(dir, "node_modules")); err != nil {
		return err
	}
	files := map[string]string{"tsconfig.json": compilerOptions, "globals.d.ts": globals}
	found, err := filepath.Glob(filepath.Join(root, "examples/*/index.ts"))
	if err != nil {
		return err
	}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		files[filepath.Join(filepath.Base(filepath.Dir(file)), "index.ts")] = string(text)
	}
	pages, err := readPages()
	if err != nil {
		return err
	}
	for _, b := range ofLanguage(pages, "ts") {
		files[moduleOf(b)+".ts"] = imports + b.text + "\nexport {};\n"
	}
	for _, b := range ofLanguage(pages, "yaml") {
		text, err := typeScriptOf(b)
		if err != nil {
			return err
		}
		if text != "" {
			files[moduleOf(b)+".ts"] = imports + text + "export {};\n"
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	tsc := exec.Command("node", filepath.Join(sdks(), "typescript/bin/tsc"), "-p", ".")
	tsc.Dir = dir
	if output, err := tsc.CombinedOutput(); err != nil {
		return fmt.Errorf("tsc: %w\n%s", err, output)
	}
	return nil
}

// moduleOf is a name for a block that tells where it stands.
func moduleOf(b block) string {
	return fmt.Sprintf("%s_%d", strings.NewReplacer("/", "_", ".", "_").Replace(b.page), b.line)
}

// typeChecked is the folder with what was compiled. Without the SDKs the test is skipped; in CI it fails.
func typeChecked(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(sdks()); err != nil && os.Getenv("CI") == "" {
		t.Skip("the SDKs are not installed: run `make examples`")
	}
	if err := compile(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(workshop, "out")
}

func TestTypeScriptHasTheTypesOfTheSDKs(t *testing.T) { typeChecked(t) }

// node is the command that runs a compiled module on the SDK's mocks.
func node(t *testing.T, module string) []string {
	t.Helper()
	run, err := filepath.Abs("testdata/run.js")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"node", run, filepath.Join(typeChecked(t), module)}
}

// compiledBlock is the program of a block of TypeScript.
func compiledBlock(t *testing.T, b block) program {
	t.Helper()
	p := documented()
	p.run = node(t, moduleOf(b)+".js")
	return p
}
