// Command pulumi-resource-localcloud is a Pulumi provider whose cloud is a folder.
//
// A pool of workers is a sub-folder with a file for each worker, and a balancer is a JSON file. With it the examples
// and the end-to-end tests run the real Pulumi engine without a cloud account, count what is really there with ls, and
// make operations slow or fail by writing a file: see [Faults].
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

const (
	name    = "localcloud"
	version = "0.1.0"
)

func main() {
	provider, err := newProvider()
	if err == nil {
		err = provider.Run(context.Background(), name, version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newProvider() (p.Provider, error) {
	cloud := &Cloud{changes: map[string]int{}}
	return infer.NewProviderBuilder().
		WithNamespace("pulumiscale").
		WithDescription("A cloud that is a folder: for examples and tests.").
		WithConfig(infer.Config(Config{})).
		WithResources(
			infer.Resource(Pool{cloud: cloud}),
			infer.Resource(Worker{cloud: cloud}),
			infer.Resource(Balancer{}),
		).
		Build()
}

// Config is the provider's configuration, `localcloud:folder` in a stack.
type Config struct {
	Folder string `pulumi:"folder,optional"`
}

// Annotate describes the configuration in the schema.
func (c *Config) Annotate(a infer.Annotator) {
	a.Describe(&c.Folder, "The folder that is the cloud; relative to the program, by default `cloud`. "+
		"The environment variable LOCALCLOUD_FOLDER overrides it.")
}

// folder is the cloud's folder. The environment is not made part of the configuration. Else another folder for one test
// would look like a changed provider, which replaces every resource.
func folder(ctx context.Context) string {
	if env := os.Getenv("LOCALCLOUD_FOLDER"); env != "" {
		return env
	}
	if config := infer.GetConfig[Config](ctx); config.Folder != "" {
		return config.Folder
	}
	return "cloud"
}
