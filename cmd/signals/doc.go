// Package signals says what the commands do on signals. The first signal to end lets a running update finish, and the
// second one interrupts it. SIGHUP tells a command that its terminal is gone, and asks `serve` for a reload.
package signals
