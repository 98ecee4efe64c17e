// Command pulumi-language-loop is a Pulumi language host for the end-to-end tests. It "runs" programs that register one
// resource for each worker in a loop, as a program in TypeScript or Go would. It is not for use outside the tests.
//
// A program is a folder with `runtime: loop` in its Pulumi.yaml and a loop.yaml, which [Program] describes.
package main

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/pulumiscale/pulumiscale/e2e/languagehost"
)

func main() { languagehost.Main("pulumi-language-loop", run) }

// run runs a program.
func run(ctx context.Context, engine string, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	program, err := ReadProgram(req.GetInfo().GetProgramDirectory())
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	pctx, err := pulumi.NewContext(ctx, pulumi.RunInfo{
		EngineAddr:       engine,
		MonitorAddr:      req.GetMonitorAddress(),
		Config:           req.GetConfig(),
		ConfigSecretKeys: req.GetConfigSecretKeys(),
		Project:          req.GetProject(),
		Stack:            req.GetStack(),
		Parallel:         req.GetParallel(),
		DryRun:           req.GetDryRun(),
		Organization:     req.GetOrganization(),
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = pctx.Close() }()
	if err := pulumi.RunWithContext(pctx, program.Register); err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}
