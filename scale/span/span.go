// Package span begins and ends the parts of the work that a trace shows, in OpenTelemetry's terms. If a context carries
// no trace, every function here does next to nothing. The package does not know of scaling, nor where a trace goes.
package span

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the name of the code that makes the spans.
const Scope = "github.com/pulumiscale/pulumiscale"

// In begins a span inside the span of ctx, puts it into ctx, and returns the function that ends it. end takes the error
// with which the work ended:
//
//	defer span.In(&ctx, "read the stack")(&err)
func In(ctx *context.Context, name string, options ...trace.SpanStartOption) (end func(*error)) { //nolint:gocritic // the caller goes on with it
	within, s := Begin(*ctx, name, options...)
	*ctx = within //nolint:fatcontext // a context is extended only once in each call
	return func(err *error) { End(s, *err) }
}

// Begin begins a span inside the span of ctx. [End] ends it.
func Begin(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(Scope).Start(ctx, name, options...)
}

// End ends a span with the error that the work ended with, if any.
func End(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, err.Error())
	}
	s.End()
}
