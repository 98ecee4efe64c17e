package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Balancer is what stands beside the workers: a neighbour that scaling must not touch, or something that depends on
// them. `<cloud>/<name>.json` holds its fields and how often it was updated.
type Balancer struct{}

// BalancerArgs is what a program says about a balancer.
type BalancerArgs struct {
	Name    string   `pulumi:"name" provider:"replaceOnChanges" json:"name"`
	Workers []string `pulumi:"workers,optional" json:"workers,omitempty"`
	Count   int      `pulumi:"count,optional" json:"count,omitempty"`
	Tag     string   `pulumi:"tag,optional" json:"tag,omitempty"`
}

// BalancerState is what the engine records about a balancer.
type BalancerState struct {
	BalancerArgs
	Updates int `pulumi:"updates" json:"updates"`
}

// Annotate gives the resource its type token and its description.
func (r *Balancer) Annotate(a infer.Annotator) {
	a.SetToken("index", "Balancer")
	a.Describe(r, "What stands beside a pool: a neighbour, or something that depends on the workers.")
}

// Annotate describes the inputs.
func (s *BalancerArgs) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, "The balancer's name in the cloud. Another name replaces it.")
	a.Describe(&s.Workers, "The workers behind it.")
	a.Describe(&s.Count, "How many workers are behind it, where their names do not matter.")
	a.Describe(&s.Tag, "Any text.")
}

// Annotate describes the outputs.
func (s *BalancerState) Annotate(a infer.Annotator) {
	a.Describe(&s.Updates, "How often it was updated since it was created.")
}

// Check refuses names that cannot be a file.
func (Balancer) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[BalancerArgs], error) {
	args, failures, err := infer.DefaultCheck[BalancerArgs](ctx, req.NewInputs)
	if err == nil && len(failures) == 0 {
		failures = append(failures, checkName("name", req.NewInputs, args.Name)...)
		if args.Name+".json" == FaultsFile {
			failures = append(failures, p.CheckFailure{Property: "name", Reason: "the cloud keeps its faults in " + FaultsFile})
		}
	}
	return infer.CheckResponse[BalancerArgs]{Inputs: args, Failures: failures}, err
}

// Create writes the file. A file that exists already is an error.
func (Balancer) Create(
	ctx context.Context, req infer.CreateRequest[BalancerArgs],
) (infer.CreateResponse[BalancerState], error) {
	resp := infer.CreateResponse[BalancerState]{ID: req.Inputs.Name, Output: BalancerState{BalancerArgs: req.Inputs}}
	if req.DryRun {
		return resp, nil
	}
	if _, err := os.Stat(balancerPath(ctx, req.Inputs.Name)); err == nil {
		return resp, fmt.Errorf("balancer %s already exists", req.Inputs.Name)
	}
	return resp, write(ctx, "create", resp.Output)
}

// Read reads the file.
func (Balancer) Read(
	ctx context.Context, req infer.ReadRequest[BalancerArgs, BalancerState],
) (infer.ReadResponse[BalancerArgs, BalancerState], error) {
	var resp infer.ReadResponse[BalancerArgs, BalancerState]
	data, err := os.ReadFile(balancerPath(ctx, req.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return resp, nil
	}
	if err != nil {
		return resp, err
	}
	if err := json.Unmarshal(data, &resp.State); err != nil {
		return resp, fmt.Errorf("balancer %s: %w", req.ID, err)
	}
	resp.ID, resp.Inputs = req.ID, resp.State.BalancerArgs
	return resp, nil
}

// Update writes the file anew and counts it.
func (Balancer) Update(
	ctx context.Context, req infer.UpdateRequest[BalancerArgs, BalancerState],
) (infer.UpdateResponse[BalancerState], error) {
	resp := infer.UpdateResponse[BalancerState]{
		Output: BalancerState{BalancerArgs: req.Inputs, Updates: req.State.Updates + 1},
	}
	if req.DryRun {
		return resp, nil
	}
	return resp, write(ctx, "update", resp.Output)
}

// Delete removes the file.
func (Balancer) Delete(ctx context.Context, req infer.DeleteRequest[BalancerState]) (infer.DeleteResponse, error) {
	if err := pause(ctx, req.State.Name); err != nil {
		return infer.DeleteResponse{}, err
	}
	err := os.Remove(balancerPath(ctx, req.State.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return infer.DeleteResponse{}, nil
	}
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	return infer.DeleteResponse{}, record(folder(ctx), "delete", req.State.Name)
}

func balancerPath(ctx context.Context, name string) string {
	return filepath.Join(folder(ctx), name+".json")
}

// write writes a balancer's file, subject to the cloud's faults.
func write(ctx context.Context, operation string, state BalancerState) error {
	if err := pause(ctx, state.Name); err != nil {
		return err
	}
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder(ctx), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(balancerPath(ctx, state.Name), append(data, '\n'), 0o644); err != nil {
		return err
	}
	return record(folder(ctx), operation, state.Name)
}

// pause applies the cloud's faults to an operation on a balancer.
func pause(ctx context.Context, name string) error {
	faults, err := begin(ctx, folder(ctx), name)
	if err != nil {
		return err
	}
	return wait(ctx, time.Duration(faults.Delay))
}
