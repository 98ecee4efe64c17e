package stack

import "os"

// sentry does nothing on Windows, where no process can interrupt another one.
type sentry struct{}

func watchOver(*os.Process) *sentry { return nil }

func (*sentry) relieve() {}
