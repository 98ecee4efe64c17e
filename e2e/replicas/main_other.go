//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "replicas: it works by means of Linux: /proc, mounts and signals")
	os.Exit(1)
}
