package packaging

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// skipped are the steps of a release that need the network, Docker or a key.
const skipped = "--skip=docker,sbom,sign"

// snapshot has goreleaser make what it can of a release for this machine's platform, from the checkout as it stands. It
// returns the folder and the version.
func snapshot(t *testing.T) (dist, version string) {
	t.Helper()
	goreleaser := os.Getenv("GORELEASER")
	if goreleaser == "" {
		t.Skip("run this by `make packages`")
	}
	run(t, root, goreleaser, "check")

	text, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for _, build := range config["builds"].([]any) {
		maps.Copy(build.(map[string]any), map[string]any{"goos": []string{runtime.GOOS}, "goarch": []string{runtime.GOARCH}})
	}
	dist = filepath.Join(t.TempDir(), "dist")
	config["dist"] = dist
	text, err = yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(t.TempDir(), "one.yaml")
	if err := os.WriteFile(one, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, root, goreleaser, "release", "--snapshot", "--config", one, skipped)

	var metadata struct{ Version string }
	text, err = os.ReadFile(filepath.Join(dist, "metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &metadata); err != nil {
		t.Fatal(err)
	}
	return dist, metadata.Version
}

// What a release holds is taken by those for whom it is made.
func TestRelease(t *testing.T) {
	dist, version := snapshot(t)
	platform := runtime.GOOS + "-" + runtime.GOARCH
	plugin := "pulumi-tool-pulumiscale-v" + version + "-" + platform + ".tar.gz"

	t.Run("the plugin's binary is at the root of its archive", func(t *testing.T) {
		if diff := cmp.Diff([]string{"LICENSE", "pulumi-tool-pulumiscale"}, members(t, filepath.Join(dist, plugin))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the program comes with its documentation", func(t *testing.T) {
		archive := "pulumiscale_" + version + "_" + strings.ReplaceAll(platform, "-", "_") + ".tar.gz"
		got := members(t, filepath.Join(dist, archive))
		for _, name := range []string{"pulumiscale", "LICENSE", "README.md", "CHANGELOG.md", "docs/rules.md", "packaging/pulumiscale.service"} {
			if !slices.Contains(got, name) {
				t.Errorf("%s has no %s: %v", archive, name, got)
			}
		}
	})
	t.Run("Pulumi downloads, installs and runs the plugin", func(t *testing.T) { installs(t, dist, version, "/"+plugin) })
	t.Run("every archive and package has a checksum", func(t *testing.T) {
		sums, err := os.ReadFile(filepath.Join(dist, "checksums.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, pattern := range []string{"*.tar.gz", "*.deb", "*.rpm"} {
			files, err := filepath.Glob(filepath.Join(dist, pattern))
			if err != nil || len(files) == 0 {
				t.Errorf("%d files are %s, %v", len(files), pattern, err)
			}
			for _, file := range files {
				if !strings.Contains(string(sums), "  "+filepath.Base(file)+"\n") {
					t.Errorf("%s has no checksum", filepath.Base(file))
				}
			}
		}
	})
	t.Run("Debian's tools read the package", func(t *testing.T) { unpacks(t, dist, version) })
}

// members are the names of the files of an archive.
func members(t *testing.T, archive string) (names []string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for reader := tar.NewReader(unzipped); ; {
		header, err := reader.Next()
		if err == io.EOF {
			slices.Sort(names)
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

// installs has the real Pulumi fetch the plugin from a server that has what a release has, and run it.
func installs(t *testing.T, dist, version, want string) {
	pulumi := tool(t, "pulumi")
	var asked []string
	files := http.FileServer(http.Dir(dist))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	t.Setenv("PULUMI_HOME", t.TempDir())
	t.Setenv("PULUMI_SKIP_UPDATE_CHECK", "true")
	run(t, root, pulumi, "plugin", "install", "tool", "pulumiscale", version, "--server", server.URL)
	if diff := cmp.Diff([]string{want}, asked); diff != "" {
		t.Errorf("Pulumi asks for another file:\n%s", diff)
	}
	if said := run(t, root, pulumi, "plugin", "run", "pulumiscale@"+version, "--", "version"); !strings.Contains(said, version) {
		t.Errorf("the plugin's version is %s, want %s", said, version)
	}
}

// unpacks unpacks the package, and runs the program in it.
func unpacks(t *testing.T, dist, version string) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip("dpkg-deb is missing")
	}
	packages, err := filepath.Glob(filepath.Join(dist, "*.deb"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("packages: %v, %v", packages, err)
	}
	into := t.TempDir()
	run(t, root, dpkg, "--extract", packages[0], into)
	for name, mode := range map[string]os.FileMode{
		"usr/lib/systemd/system/pulumiscale.service": 0o644, "usr/lib/sysusers.d/pulumiscale.conf": 0o644, "etc/pulumiscale/pulumiscale.env": 0o600,
		"usr/share/pulumiscale/prometheus-alerts.yaml": 0o644, "usr/share/pulumiscale/grafana-dashboard.json": 0o644,
		"usr/share/doc/pulumiscale/copyright": 0o644, "usr/share/doc/pulumiscale/README.md": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(into, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if said := run(t, root, filepath.Join(into, "usr/bin/pulumiscale"), "version"); !strings.Contains(said, version) {
		t.Errorf("the program's version is %s, want %s", said, version)
	}
	run(t, into, dpkg, "--control", packages[0], "DEBIAN")
	conffiles, err := os.ReadFile(filepath.Join(into, "DEBIAN/conffiles"))
	if err != nil || !strings.Contains(string(conffiles), "/etc/pulumiscale/pulumiscale.env") {
		t.Errorf("an upgrade would overwrite the settings: %q, %v", conffiles, err)
	}
}
