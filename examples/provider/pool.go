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
)

// Pool is a group of workers that the cloud keeps at a size, as an autoscaling group or a node pool does:
// `<cloud>/<name>/worker-0001` and so on.
type Pool struct{ cloud *Cloud }

// PoolArgs is what a program says about a pool.
type PoolArgs struct {
	Name string `pulumi:"name"`
	Size int    `pulumi:"size"`
}

// PoolState is what the engine records about a pool. Its Size is the number of workers that are really there, also
// after an operation that failed half way.
type PoolState struct {
	Name string `pulumi:"name"`
	Size int    `pulumi:"size"`
}

// Annotate gives the resource its type token and its description.
func (r *Pool) Annotate(a infer.Annotator) {
	a.SetToken("index", "Pool")
	a.Describe(r, "A group of workers that the cloud keeps at a size.")
}

// Annotate describes the inputs.
func (s *PoolArgs) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, "The pool's name in the cloud. Another name replaces the pool.")
	a.Describe(&s.Size, "How many workers there are to be.")
}

// Annotate describes the outputs.
func (s *PoolState) Annotate(a infer.Annotator) {
	a.Describe(&s.Size, "How many workers are really there.")
}

// Check refuses names that cannot be a folder, and negative sizes.
func (Pool) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[PoolArgs], error) {
	args, failures, err := infer.DefaultCheck[PoolArgs](ctx, req.NewInputs)
	if err == nil && len(failures) == 0 {
		failures = append(failures, checkName("name", req.NewInputs, args.Name)...)
		if args.Size < 0 {
			failures = append(failures, p.CheckFailure{
				Property: "size", Reason: fmt.Sprintf("want 0 or more, have %d", args.Size),
			})
		}
	}
	return infer.CheckResponse[PoolArgs]{Inputs: args, Failures: failures}, err
}

// Diff compares the wanted size with the recorded real one, and not with the last wanted one. So a pool that was left
// half way, or that a refresh found changed, is updated.
func (Pool) Diff(_ context.Context, req infer.DiffRequest[PoolArgs, PoolState]) (infer.DiffResponse, error) {
	diff := map[string]p.PropertyDiff{}
	if req.Inputs.Name != req.State.Name {
		diff["name"] = p.PropertyDiff{Kind: p.UpdateReplace}
	}
	if req.Inputs.Size != req.State.Size {
		diff["size"] = p.PropertyDiff{Kind: p.Update}
	}
	return infer.DiffResponse{HasChanges: len(diff) > 0, DetailedDiff: diff}, nil
}

// Create makes the pool's folder and its workers. A pool that exists already is an error.
func (r Pool) Create(
	ctx context.Context, req infer.CreateRequest[PoolArgs],
) (infer.CreateResponse[PoolState], error) {
	resp := infer.CreateResponse[PoolState]{ID: req.Inputs.Name, Output: PoolState(req.Inputs)}
	if req.DryRun {
		return resp, nil
	}
	cloud := folder(ctx)
	if _, err := begin(ctx, cloud, req.Inputs.Name); err != nil {
		return resp, err
	}
	if err := os.MkdirAll(cloud, 0o755); err != nil {
		return resp, err
	}
	path := filepath.Join(cloud, req.Inputs.Name)
	if err := os.Mkdir(path, 0o755); errors.Is(err, fs.ErrExist) {
		return resp, fmt.Errorf("pool %s already exists", req.Inputs.Name)
	} else if err != nil {
		return resp, err
	}
	count, changed, err := r.cloud.resize(ctx, cloud, req.Inputs.Name, req.Inputs.Size)
	if err != nil && !changed {
		return resp, errors.Join(err, os.Remove(path))
	}
	resp.Output.Size = count
	return resp, partial(err)
}

// Read counts the workers. A pool whose folder is gone is gone.
func (Pool) Read(
	ctx context.Context, req infer.ReadRequest[PoolArgs, PoolState],
) (infer.ReadResponse[PoolArgs, PoolState], error) {
	cloud := folder(ctx)
	if _, err := os.Stat(filepath.Join(cloud, req.ID)); errors.Is(err, fs.ErrNotExist) {
		return infer.ReadResponse[PoolArgs, PoolState]{}, nil
	}
	have, err := workers(cloud, req.ID)
	if err != nil {
		return infer.ReadResponse[PoolArgs, PoolState]{}, err
	}
	state := PoolState{Name: req.ID, Size: len(have)}
	return infer.ReadResponse[PoolArgs, PoolState]{ID: req.ID, Inputs: PoolArgs(state), State: state}, nil
}

// Update changes the number of workers. If it fails after the first change, it reports the size that was reached.
func (r Pool) Update(
	ctx context.Context, req infer.UpdateRequest[PoolArgs, PoolState],
) (infer.UpdateResponse[PoolState], error) {
	resp := infer.UpdateResponse[PoolState]{Output: PoolState(req.Inputs)}
	if req.DryRun {
		return resp, nil
	}
	cloud := folder(ctx)
	if _, err := begin(ctx, cloud, req.Inputs.Name); err != nil {
		return resp, err
	}
	count, changed, err := r.cloud.resize(ctx, cloud, req.Inputs.Name, req.Inputs.Size)
	if err != nil && !changed {
		return resp, err
	}
	resp.Output.Size = count
	return resp, partial(err)
}

// Delete removes the workers and then the folder. The engine's protocol has no partial result for it: after a failure
// the state still says the old size, until a refresh.
func (r Pool) Delete(ctx context.Context, req infer.DeleteRequest[PoolState]) (infer.DeleteResponse, error) {
	cloud := folder(ctx)
	if _, err := begin(ctx, cloud, req.State.Name); err != nil {
		return infer.DeleteResponse{}, err
	}
	if _, _, err := r.cloud.resize(ctx, cloud, req.State.Name, 0); err != nil {
		return infer.DeleteResponse{}, err
	}
	err := os.Remove(filepath.Join(cloud, req.State.Name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return infer.DeleteResponse{}, err
}

// partial tells the engine that the operation failed and that it must still record the state that was returned.
func partial(err error) error {
	if err == nil {
		return nil
	}
	return infer.ResourceInitFailedError{Reasons: []string{err.Error()}}
}
