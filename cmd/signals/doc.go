// Package signals is what the commands make of signals: the first lets a running update finish, the second interrupts it.
package signals
