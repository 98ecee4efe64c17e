package dialect

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every dialect says all that there is to know of it, and those that share a path agree on what is the path's.
func TestEveryDialectIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, d := range Table() {
		if d.Sender == "" || d.Counted == "" || len(d.Paths) == 0 || len(d.Media) == 0 || d.Is == nil || d.Like == "" || d.Decode == nil {
			t.Errorf("something is missing: %+v", d)
		}
		if names[d.Name] {
			t.Errorf("the name %q stands twice", d.Name)
		}
		names[d.Name] = true
	}
	for _, in := range Inboxes() {
		for _, d := range in.dialects() {
			if d.Counted != in.Rest.Counted || d.Direct != in.Rest.Direct || d.MediaHint != in.Rest.MediaHint {
				t.Errorf("%s: %s differs from %s in what is the path's", in.Path, d.Name, in.Rest.Name)
			}
		}
	}
	folders, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if name := filepath.Base(folder); !names[name] && name != "fuzz" {
			t.Errorf("%s: there is no dialect %s", folder, name)
		}
	}
}

// Each real payload is recognized as its own dialect. What stands in an envelope is recognized by that.
func TestPayloadsAreRecognized(t *testing.T) {
	for _, in := range Inboxes() {
		for _, d := range in.dialects() {
			files := payloads(t, d)
			if d.Signature == SignedBySNS {
				files, _ = filepath.Glob("../sns/testdata/messages/*.json")
			}
			for _, file := range files {
				body := Parse(read(t, file))
				if got := in.Recognize(http.Header{}, body); got.Name != d.Name {
					t.Errorf("%s: %s is taken for %s", in.Path, file, got.Name)
				}
				if raw := (http.Header{SNSRawDelivery: {"true"}}); in.Rest.Header != "" && in.Recognize(raw, body).Name != in.Rest.Name {
					t.Errorf("%s: %s, with the header of %s, is not taken for it", in.Path, file, in.Rest.Name)
				}
			}
		}
	}
}

// The documentation has every dialect: a section on how to set the sender up, and the words of the API and the metrics.
func TestTheDocumentationHasEveryDialect(t *testing.T) {
	page := func(name string) string { return string(read(t, "../../docs/"+name)) }
	senders, metrics := page("senders.md"), page("metrics.md")
	_, sources, _ := strings.Cut(page("openapi.yaml"), "Who asked: ")
	sources, _, _ = strings.Cut(sources, ".")
	var want []string
	for _, d := range Table() {
		want = append(want, d.Name)
		if !strings.Contains(strings.ToLower(senders), "\n## "+strings.ToLower(d.Sender)+"\n") {
			t.Errorf("senders.md has no section %q", d.Sender)
		}
		if !strings.Contains(metrics, "`"+d.Counted+"`") {
			t.Errorf("metrics.md does not name %q", d.Counted)
		}
		if !slices.ContainsFunc(d.Paths, func(path string) bool {
			return strings.Contains(senders, strings.ReplaceAll(path, "{pool}", "worker-pool"))
		}) {
			t.Errorf("senders.md does not say where %s is posted to", d.Name)
		}
	}
	got := strings.Split(sources, ", ")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("openapi.yaml has the sources %q, and the dialects are %q", got, want)
	}
}

// What people are told of where to post has every path.
func TestDirectory(t *testing.T) {
	for _, in := range Inboxes() {
		if !strings.Contains(Directory(), strings.ReplaceAll(in.Path, "{pool}", "POOL")) {
			t.Errorf("%s is not in %q", in.Path, Directory())
		}
	}
}
