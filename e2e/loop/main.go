// Command pulumi-language-loop is a Pulumi language host for the end-to-end tests. It "runs" programs that register one
// resource for each worker in a loop, as a program in TypeScript or Go would. It is not for use outside the tests.
//
// A program is a folder with `runtime: loop` in its Pulumi.yaml and a loop.yaml, which [Program] describes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	// The engine passes flags of its own, such as -root. The last argument is the engine's address.
	flags := flag.NewFlagSet("pulumi-language-loop", flag.ExitOnError)
	flags.String("root", "", "ignored")
	flags.String("tracing", "", "ignored")
	_ = flags.Parse(os.Args[1:]) // exits by itself

	// The engine ends its plugins with SIGINT and then waits for them. A process that a script started in the
	// background ignores SIGINT and would keep the engine waiting, unless it asks for the signal.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, flags.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve serves the engine at that address until the engine is gone or the context is cancelled.
func serve(ctx context.Context, engine string) error {
	if engine == "" {
		return fmt.Errorf("no engine address: this program is started by Pulumi")
	}
	ctx, gone := context.WithCancel(ctx)
	defer gone()
	if err := rpcutil.Healthcheck(ctx, engine, 2*time.Second, gone); err != nil {
		return fmt.Errorf("watch the engine: %w", err)
	}
	cancel := make(chan bool)
	context.AfterFunc(ctx, func() { close(cancel) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: engine})
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	fmt.Println(handle.Port) // what the engine waits for
	return <-handle.Done
}

// host is the part of a language host that an update needs.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
}

// Run runs a program. A mistake in it is a failed update, not a failed call.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	program, err := ReadProgram(req.GetInfo().GetProgramDirectory())
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	pctx, err := pulumi.NewContext(ctx, pulumi.RunInfo{
		EngineAddr:       h.engine,
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

// GetRequiredPackages asks for nothing to be installed: the provider is on PATH.
func (*host) GetRequiredPackages(
	context.Context, *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// GetPluginInfo gives the host a version.
func (*host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "0.1.0"}, nil
}

// InstallDependencies has nothing to install.
func (*host) InstallDependencies(
	*pulumirpc.InstallDependenciesRequest, grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	return nil
}
