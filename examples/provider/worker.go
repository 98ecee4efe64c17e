package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// Worker is one machine, for programs that register one resource for each: `<cloud>/<pool>/<name>`. It cannot be
// updated, only replaced.
type Worker struct{ cloud *Cloud }

// WorkerArgs is what a program says about a worker.
type WorkerArgs struct {
	Pool string `pulumi:"pool"`
	Name string `pulumi:"name"`
}

// WorkerState is what the engine records about a worker.
type WorkerState = WorkerArgs

// Annotate gives the resource its type token and its description.
func (r *Worker) Annotate(a infer.Annotator) {
	a.SetToken("index", "Worker")
	a.Describe(r, "One machine, for programs that register one resource for each.")
}

// Annotate describes the inputs.
func (s *WorkerArgs) Annotate(a infer.Annotator) {
	a.Describe(&s.Pool, "The pool it belongs to.")
	a.Describe(&s.Name, "The worker's name in the pool.")
}

// Check refuses names that cannot be a file.
func (Worker) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[WorkerArgs], error) {
	args, failures, err := infer.DefaultCheck[WorkerArgs](ctx, req.NewInputs)
	if err == nil && len(failures) == 0 {
		failures = append(failures, checkName("pool", req.NewInputs, args.Pool)...)
		failures = append(failures, checkName("name", req.NewInputs, args.Name)...)
	}
	return infer.CheckResponse[WorkerArgs]{Inputs: args, Failures: failures}, err
}

// Create makes the worker's file. A file that exists already is an error, so that nothing is counted twice.
func (r Worker) Create(
	ctx context.Context, req infer.CreateRequest[WorkerArgs],
) (infer.CreateResponse[WorkerState], error) {
	resp := infer.CreateResponse[WorkerState]{ID: req.Inputs.Pool + "/" + req.Inputs.Name, Output: req.Inputs}
	if req.DryRun {
		return resp, nil
	}
	return resp, r.cloud.add(ctx, folder(ctx), req.Inputs.Pool, req.Inputs.Name)
}

// Read looks whether the file is there.
func (Worker) Read(
	ctx context.Context, req infer.ReadRequest[WorkerArgs, WorkerState],
) (infer.ReadResponse[WorkerArgs, WorkerState], error) {
	pool, worker := filepath.Split(req.ID)
	args := WorkerArgs{Pool: filepath.Clean(pool), Name: worker}
	_, err := os.Stat(filepath.Join(folder(ctx), req.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return infer.ReadResponse[WorkerArgs, WorkerState]{}, nil
	}
	return infer.ReadResponse[WorkerArgs, WorkerState]{ID: req.ID, Inputs: args, State: args}, err
}

// Delete removes the file.
func (r Worker) Delete(ctx context.Context, req infer.DeleteRequest[WorkerState]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, r.cloud.remove(ctx, folder(ctx), req.State.Pool, req.State.Name)
}

// checkName refuses what cannot be a file name. A value that a preview does not know yet passes.
func checkName(field string, inputs property.Map, value string) []p.CheckFailure {
	if inputs.Get(field).IsComputed() || names.MatchString(value) {
		return nil
	}
	return []p.CheckFailure{{
		Property: field, Reason: fmt.Sprintf("want letters, digits, - and _, have %q", value),
	}}
}
