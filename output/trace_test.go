package output

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/pulumiscale/pulumiscale/scale/span"
)

func TestTraceIsWrittenAsOTLP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.json")
	for range 2 { // the second one is appended
		provider, closeTrace, err := OpenTrace(path, "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		ctx, whole := provider.Tracer(span.Scope).Start(context.Background(), "whole")
		_, part := span.Begin(ctx, "part")
		span.End(part, errors.New("it broke"))
		whole.End()
		if err := closeTrace(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), text)
	}
	for _, line := range lines {
		var doc struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []struct {
						Name, TraceID, SpanID, ParentSpanID string
						Status                              struct{ Message string }
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		spans := doc.ResourceSpans[0].ScopeSpans[0].Spans
		part, whole := spans[0], spans[1]
		if part.Name != "part" || whole.Name != "whole" || part.Status.Message != "it broke" || whole.Status.Message != "" {
			t.Errorf("spans %+v", spans)
		}
		// The hexadecimal ids are those that the SDK can read.
		if _, err := trace.TraceIDFromHex(part.TraceID); err != nil || part.TraceID != whole.TraceID {
			t.Errorf("traces %q and %q: %v", part.TraceID, whole.TraceID, err)
		}
		if _, err := trace.SpanIDFromHex(part.ParentSpanID); err != nil || part.ParentSpanID != whole.SpanID || whole.ParentSpanID != "" {
			t.Errorf("%q is within %q, and that within %q: %v", part.ParentSpanID, whole.SpanID, whole.ParentSpanID, err)
		}
		if !strings.Contains(line, `"1.2.3"`) {
			t.Errorf("no version in %s", line)
		}
	}
}

func TestTraceThatCannotBeWritten(t *testing.T) {
	if _, _, err := OpenTrace(filepath.Join(t.TempDir(), "missing", "trace.json"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
