package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPythonIsPython compiles the blocks and the examples in Python. Their types are not checked, because the SDKs are
// not there. What exports rules also runs, on stand-ins for the SDKs, which prove the rules and not the arguments of
// the resources.
func TestPythonIsPython(t *testing.T) {
	python(t)
	files, err := filepath.Glob(filepath.Join(root, "examples/*/__main__.py"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, b := range blocksIn(t, "python") {
		files = append(files, pythonFile(t, b))
	}
	for _, file := range files {
		check := exec.CommandContext(t.Context(), "python3", "-m", "py_compile", file)
		check.Env = append(os.Environ(), "PYTHONPYCACHEPREFIX="+t.TempDir())
		if output, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, output)
		}
	}
}

// python skips the test if there is no Python; in CI the test fails.
func python(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("python3 is missing: .ci/run installs it")
	}
	t.Skip("python3 is not installed")
}

func pythonFile(t *testing.T, b block) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), moduleOf(b)+".py")
	if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// onStandIns is the command that runs a program in Python.
func onStandIns(t *testing.T, file string) program {
	t.Helper()
	python(t)
	run, err := filepath.Abs("testdata/python/run.py")
	if err != nil {
		t.Fatal(err)
	}
	return program{run: []string{"python3", run, file}, env: []string{"PYTHONDONTWRITEBYTECODE=1"}}
}

// pythonBlock is the program of a block of Python.
func pythonBlock(t *testing.T, b block) program {
	t.Helper()
	p := documented()
	standIns := onStandIns(t, pythonFile(t, b))
	p.run, p.env = standIns.run, standIns.env
	return p
}
