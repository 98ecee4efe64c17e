package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"
)

// description is the API's description. Its objects are closed, so that a field which it does not have is a mistake
// here. Clients are told to pass over such fields, because some may be added.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	for _, media := range []string{"text/html", "text/css", "text/javascript", "image/svg+xml"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	for _, schema := range doc.Components.Schemas {
		if schema.Value.Type.Is("object") {
			closed := false
			schema.Value.AdditionalProperties.Has = &closed
		}
	}
	return doc, nil
})

// described checks that an answer is one that the API's description has for the request.
func described(t testing.TB, r *http.Request, rec *httptest.ResponseRecorder) {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if rec.Code >= http.StatusBadRequest && rec.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s: status %d with %q", r.Method, r.URL, rec.Code, rec.Header().Get("Content-Type"))
	}
	method, pattern, _ := strings.Cut(r.Pattern, " ")
	if pattern == "" {
		return // it has no endpoint
	}
	pattern = strings.TrimSuffix(pattern, "{$}")
	item := doc.Paths.Value(pattern)
	if item == nil || item.GetOperation(method) == nil {
		t.Errorf("%s is not described", r.Pattern)
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r, Route: &routers.Route{Spec: doc, Path: pattern, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		},
		Status: rec.Code, Header: rec.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(bytes.Clone(rec.Body.Bytes()))
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s %s answers %d with what is not described: %v\n%s", r.Method, r.URL, rec.Code, err, rec.Body)
	}
}

func TestOpenAPIIsValid(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
}

// The description has every endpoint and no other. Each has the token unless it is open.
func TestOpenAPIHasEveryEndpoint(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	open := map[string]bool{}
	for _, e := range append((&Fleet{}).endpoints(), endpoints()...) {
		pattern := strings.TrimSuffix(e.pattern, "{$}")
		if !slices.Contains(want, pattern) { // a fleet has some of a stack's
			want = append(want, pattern)
		}
		open[pattern] = e.open
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			pattern := method + " " + path
			got = append(got, pattern)
			if isOpen := operation.Security != nil && len(*operation.Security) == 0; isOpen != open[pattern] {
				t.Errorf("%s needs no token: %v in the description, %v in the server", pattern, isOpen, open[pattern])
			}
			if _, ok := operation.Responses.Map()["401"]; ok == open[pattern] {
				t.Errorf("%s has a response 401: %v", pattern, ok)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-server +description):\n%s", diff)
	}
}

// A check that takes everything is no check.
func TestDescribedNoticesWhatIsNotDescribed(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["Cooldown"].Value
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"as it should be":       {`{"up":1,"down":2,"onCooldown":"defer"}`, true},
		"an unknown field":      {`{"up":1,"down":2,"onCooldown":"defer","more":1}`, false},
		"a missing field":       {`{"up":1,"onCooldown":"defer"}`, false},
		"a field of wrong type": {`{"up":1,"down":"2","onCooldown":"defer"}`, false},
	} {
		var value any
		if err := json.Unmarshal([]byte(c.text), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
