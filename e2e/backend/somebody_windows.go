package backend

import "os/exec"

func asSomebody(*exec.Cmd) {}

func giveAway(string, ...string) error { return nil }
