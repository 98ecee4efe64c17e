package packaging

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A real Prometheus's promtool reads the alerts, and runs their unit tests.
func TestAlerts(t *testing.T) {
	promtool := tool(t, "promtool")
	run(t, folder, promtool, "check", "rules", "prometheus-alerts.yaml")
	run(t, folder, promtool, "test", "rules", "prometheus-alerts_test.yaml")
}

// alert is what an alert must have, for the person who is woken by it.
type alert struct {
	Alert       string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (out []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	text, err := os.ReadFile(filepath.Join(folder, "prometheus-alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		out = append(out, group.Rules...)
	}
	if len(out) < 8 {
		t.Fatalf("there are only %d alerts", len(out))
	}
	return out
}

// Every alert says what to do: its runbook is a heading that exists. It has a unit test, and stands on docs/metrics.md
// with its severity.
func TestEveryAlertIsExplained(t *testing.T) {
	tests, err := os.ReadFile(filepath.Join(folder, "prometheus-alerts_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(root + "/docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		link, found := strings.CutPrefix(a.Annotations["runbook_url"], "https://github.com/pulumiscale/pulumiscale/blob/main/")
		file, anchor, _ := strings.Cut(link, "#")
		if text, err := os.ReadFile(filepath.Join(root, file)); !found || err != nil || !slices.Contains(anchors(string(text)), anchor) {
			t.Errorf("%s: its runbook is %q, where nothing is", a.Alert, a.Annotations["runbook_url"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: it does not say what has happened", a.Alert)
		}
		if !strings.Contains(string(tests), a.Alert) {
			t.Errorf("%s: no unit test names it", a.Alert)
		}
		row := "| `" + a.Alert + "` | "
		if _, line, ok := strings.Cut(string(page), row); !ok || !strings.HasSuffix(strings.SplitN(line, "\n", 2)[0], "| "+a.Labels["severity"]+" |") {
			t.Errorf("%s: docs/metrics.md does not list it, as %s", a.Alert, a.Labels["severity"])
		}
	}
}

// anchors are what a link into a page may end with. An empty one is for the page itself.
func anchors(page string) []string {
	out := []string{""}
	for _, m := range regexp.MustCompile(`(?m)^##+ (.+)$`).FindAllStringSubmatch(page, -1) {
		words := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(words, " ", "-"))
	}
	return out
}

// Grafana takes a dashboard with mistakes and shows it wrong. serve-watch.txtar tries on a real Prometheus what each
// panel asks.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, "grafana-dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	type place struct{ X, Y, W, H int }
	var dashboard struct {
		Templating struct{ List []struct{ Name string } }
		Panels     []struct {
			ID          int
			Type        string
			Title       string
			Description string
			GridPos     place
			Datasource  struct{ UID string }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := []string{"__rate_interval"}
	for _, variable := range dashboard.Templating.List {
		known = append(known, variable.Name)
	}
	for _, m := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(known, m[1]) && m[1] != "__all" {
			t.Errorf("the variable %s is not declared", m[1])
		}
	}
	ids, taken := map[int]string{}, map[place]string{}
	for _, p := range dashboard.Panels {
		if other := ids[p.ID]; other != "" {
			t.Errorf("%q and %q have one id", p.Title, other)
		}
		ids[p.ID] = p.Title
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}") {
			t.Errorf("%q does not say what it shows, or from where", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := place{X: p.GridPos.X + x, Y: p.GridPos.Y + y}
				if other := taken[at]; other != "" {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
	}
}
