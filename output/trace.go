package output

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pulumiscale/pulumiscale/scale/board"
)

// OpenTrace makes a provider that appends its spans to a file, as lines of OTLP in JSON
// (opentelemetry.io/docs/specs/otel/protocol/file-exporter). Jaeger opens such a file, and a collector reads it with
// its receiver `otlpjsonfile`. Spans are written some seconds after their end; finish writes what is left.
func OpenTrace(path, version string) (_ trace.TracerProvider, finish func(context.Context) error, _ error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	client := &traceFile{file: file}
	exporter, err := otlptrace.New(context.Background(), client)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "pulumiscale"), attribute.String("service.version", version),
	)))
	return provider, func(ctx context.Context) error { return errors.Join(provider.Shutdown(ctx), client.failure()) }, nil
}

// traceFile is an [otlptrace.Client] that writes into a file.
type traceFile struct {
	mu   sync.Mutex
	file *os.File
	// err is the first error of UploadTraces. UploadTraces sets it and failure reads it, both under mu. It is
	// kept for the end of the trace, since UploadTraces runs in the background.
	err error
}

func (f *traceFile) Start(context.Context) error { return nil }

func (f *traceFile) Stop(context.Context) error { return f.file.Close() }

func (f *traceFile) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *traceFile) UploadTraces(_ context.Context, of []*spans.ResourceSpans) error {
	text, err := encodeSpans(of)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		_, err = f.file.Write(text)
	}
	if f.err == nil {
		f.err = err
	}
	return err
}

// encodeSpans returns spans as a line of OTLP in JSON.
func encodeSpans(of []*spans.ResourceSpans) ([]byte, error) {
	text, err := protojson.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: of})
	if err != nil {
		return nil, err
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if err := hexIDs(doc); err != nil {
		return nil, err
	}
	return board.JSON(doc, "")
}

// hexIDs writes the ids of traces and spans in hexadecimal digits, as OTLP wants them in JSON. Protocol buffers' JSON
// has bytes in base64.
func hexIDs(value any) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := hexIDs(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range v {
			text, isText := item.(string)
			if isText && (name == "traceId" || name == "spanId" || name == "parentSpanId") {
				id, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					return fmt.Errorf("write %s: %w", name, err)
				}
				v[name] = hex.EncodeToString(id)
			} else if err := hexIDs(item); err != nil {
				return err
			}
		}
	}
	return nil
}
