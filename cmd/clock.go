//go:build !campaign

package cmd

import "time"

// clock is the system's. The fault campaign is built with another one.
func clock() func() time.Time { return time.Now }
