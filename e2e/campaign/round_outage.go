//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// outage is a way in which the backend, or the journal's disk, is taken away.
type outage struct {
	name string
	// mounted says that it needs a disk of its own.
	mounted bool
	// begin may take as long as the outage lasts. What it does is undone by heal.
	begin func(r *round, lasts time.Duration) error
	// times is how many times longer than others it lasts; 0: no longer.
	times int
}

// outages are those of a kind of backend.
func outages(kind string) []outage {
	journal := outage{name: "journal full", mounted: true, begin: func(r *round, _ time.Duration) error {
		return fill(r.state())
	}}
	switch kind {
	case backend.S3:
		return append(serverOutages(), journal,
			answering(500, "InternalError", ""), answering(500, "InternalError", "PUT"),
			answering(503, "SlowDown", ""), answering(503, "SlowDown", "PUT"), answering(503, "SlowDown", "GET"),
			answering(503, "SlowDown", "DELETE"))
	case backend.Postgres:
		return append(serverOutages(), journal,
			outage{name: "connections ended", begin: (*round).endConnections},
			outage{name: "connections refused", begin: (*round).refuseConnections},
			outage{name: "a read-only standby", begin: (*round).standBy})
	}
	return []outage{
		{name: "unreachable", begin: func(r *round, _ time.Duration) error { return r.takeAway() }},
		{name: "read-only", mounted: true, begin: func(r *round, _ time.Duration) error { return r.lockDisk() }},
		{name: "full", mounted: true, begin: func(r *round, _ time.Duration) error { return fill(r.disk()) }},
		{name: "slow", begin: (*round).suspendAgain},
		journal,
	}
}

// playOutage has the backend unreachable, silent, read-only, full or slow, or the journal's disk full, for a while.
func (r *round) playOutage() {
	all := outages(r.backend)
	out := all[r.rng.IntN(len(all))]
	moment, lasts := r.drawMoment(), time.Duration((100+r.rng.IntN(2000))*max(out.times, 1))*time.Millisecond
	r.slowCloud()
	for range 1 + r.rng.IntN(3) {
		r.send(r.draw(time.Duration(r.rng.IntN(400)) * time.Millisecond))
	}
	late := r.draw(lasts / 3)
	if r.rng.IntN(3) == 0 { // somebody scales by hand meanwhile
		a := r.draw(time.Duration(r.rng.IntN(500)) * time.Millisecond)
		r.actors.Go(func() {
			r.pause(a.after)
			<-r.scale(a, r.program()).done
		})
	}
	moment()
	if !r.mounts && out.mounted {
		r.count("skipped (no mounts)", 1)
		out = all[0]
	}
	r.count(out.name, 1)
	r.story.tell("the outage begins: %s for %s", out.name, lasts)
	if err := out.begin(r, lasts); err != nil {
		r.count("skipped ("+out.name+")", 1)
		r.story.tell("could not be done: %v", err)
	}
	r.send(late)
	r.pause(lasts)
	r.heal()
}

// suspendAgain has whoever works on the backend stand still, again and again.
func (r *round) suspendAgain(lasts time.Duration) error {
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		r.suspend()
		r.pause(100 * time.Millisecond)
		r.resume()
		r.pause(20 * time.Millisecond)
	}
	return nil
}

// serverOutages are those of every server.
func serverOutages() []outage {
	return []outage{
		{name: "down", begin: func(r *round, _ time.Duration) error {
			r.place.Proxy.Down()
			r.undo = r.reach
			return nil
		}},
		// Now and then it is silent for longer than pulumiscale waits for an answer.
		{name: "silent", times: 6, begin: func(r *round, _ time.Duration) error {
			r.place.Proxy.Silence()
			r.undo = r.reach
			return nil
		}},
		{name: "slow", times: 2, begin: func(r *round, lasts time.Duration) error {
			r.place.Proxy.Delay(lasts / 50)
			r.undo = func() error {
				r.place.Proxy.Up()
				return nil
			}
			return nil
		}},
	}
}

// reach ends what the proxy does. As if the server had been started again, it knows no connection of before: whoever
// still waits for an answer sees that there is none.
func (r *round) reach() error {
	r.place.Proxy.Down()
	r.place.Proxy.Up()
	return nil
}

// answering has S3 answer requests of a method, or all, with an error.
func answering(status int, code, method string) outage {
	name := strings.TrimSpace(fmt.Sprint(status, " ", code, " ", method))
	return outage{name: name, begin: func(r *round, _ time.Duration) error {
		r.place.Answer(status, code, method, -1)
		r.undo = func() error {
			r.place.Answer(0, "", "", 0)
			return nil
		}
		return nil
	}}
}

// The statements that take a database away and give it back. Each is for a database by its name.
const (
	endOthers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
		"WHERE datname = '%s' AND application_name <> '" + ourName + "'"
	refuse   = "ALTER DATABASE %s ALLOW_CONNECTIONS false"
	accept   = "ALTER DATABASE %s ALLOW_CONNECTIONS true"
	standBy  = "ALTER DATABASE %s SET default_transaction_read_only = on"
	takeOver = "ALTER DATABASE %s RESET default_transaction_read_only"
)

// endConnections ends all connections, again and again, as an administrator does.
func (r *round) endConnections(lasts time.Duration) error {
	var err error
	for end := time.Now().Add(lasts); err == nil && time.Now().Before(end); r.pause(200 * time.Millisecond) {
		err = r.sql(endOthers)
	}
	return err
}

// refuseConnections ends all connections and lets nobody make a new one.
func (r *round) refuseConnections(time.Duration) error {
	r.undo = func() error { return r.sql(accept) }
	return errors.Join(r.sql(refuse), r.sql(endOthers))
}

// standBy makes the database one that can be read and not written, and that is reached by new connections only.
func (r *round) standBy(time.Duration) error {
	r.undo = func() error { return errors.Join(r.sql(takeOver), r.sql(endOthers)) }
	return errors.Join(r.sql(standBy), r.sql(endOthers))
}
