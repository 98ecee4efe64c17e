//go:build !linux

package kubernetes

import "os/exec"

func endWithUs(*exec.Cmd) {}
