// Command goaws is the SNS emulator of github.com/Admiral-Piett/goaws. By itself the emulator listens on all
// interfaces; here it listens on a free port of the loopback interface. The command writes "listening on ADDRESS" to
// its standard output.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/Admiral-Piett/goaws/app/router"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	models.CurrentEnvironment = models.Environment{Host: host, Port: port, Region: "eu-west-1", AccountID: "123456789012"}
	fmt.Printf("listening on %s\n", listener.Addr())
	server := &http.Server{Handler: router.New(), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}
