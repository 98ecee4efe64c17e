// Command pulumiscale scales Pulumi stacks: it changes a stack's configuration and updates just the resources of one pool.
//
// Built as pulumi-tool-pulumiscale, it runs under `pulumi plugin run pulumiscale`.
package main

import (
	"os"

	"github.com/pulumiscale/pulumiscale/cmd"
)

// version is set by the linker in a release; otherwise it is read from the build's own record.
var version string

func main() {
	os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, version))
}
