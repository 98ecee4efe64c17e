// Command pulumi-resource-kubernetes is Pulumi's Kubernetes provider, from its Go module. The module's own command
// embeds two files that Pulumi's build makes of files in the module; this one embeds those that the module has. `make
// tools-kubernetes` copies them beside this file, in a folder of its own.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() { provider.Serve("kubernetes", version.Version, schema, mapping) }
