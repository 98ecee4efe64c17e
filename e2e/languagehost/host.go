// Package languagehost is what the tests' language hosts share: the part of Pulumi's protocol for them that an update
// needs.
package languagehost

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Run runs a program for the engine at an address. A mistake in the program is a failed update: it is in the response,
// and no error.
type Run func(ctx context.Context, engine string, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error)

// Main serves the engine that has started this process, until it is gone. It exits with 1 after an error.
func Main(name string, run Run) {
	// The engine passes flags of its own, such as -root. The last argument is the engine's address.
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	flags.String("root", "", "ignored")
	flags.String("tracing", "", "ignored")
	_ = flags.Parse(os.Args[1:]) // exits by itself

	// The engine ends its plugins with SIGINT and then waits for them. A process that a script started in the
	// background ignores SIGINT and would keep the engine waiting, unless it asks for the signal.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, flags.Arg(0), run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve serves the engine at that address until the engine is gone or the context is cancelled.
func serve(ctx context.Context, engine string, run Run) error {
	if engine == "" {
		return errors.New("no engine address: this program is started by Pulumi")
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
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: engine, life: ctx, run: run})
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
	life   context.Context //nolint:containedctx // that of the process
	run    Run
}

// Run runs a program. It ends with the process, too.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(h.life, stop)()
	return h.run(ctx, h.engine, req)
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
