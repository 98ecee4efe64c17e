//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
)

// templatePlace is the name of the bucket, or the database, that each world gets a copy of.
const templatePlace = "template"

// startStates starts the server of the campaign's backend. A folder needs none.
func (c *campaign) startStates(ctx context.Context, root string) error {
	if c.backend == backend.File {
		return nil
	}
	var err error
	// Not on the disk in memory: the S3 gateway needs extended attributes, which only newer kernels have there.
	if c.statesDir, err = os.MkdirTemp("", "pulumiscale-campaign-states-"); err != nil {
		return err
	}
	c.states, err = backend.Start(ctx, c.backend, c.statesDir, filepath.Join(root, ".tools"))
	return err
}

// openPlace gives a world its backend: a folder of its own, or a new place in the server, with what another place has.
func (w *world) openPlace(ctx context.Context, name, from string) error {
	if w.backend == backend.File { // the folder is copied with the world
		dir := w.backendFolder()
		w.place, w.store = &backend.Place{URL: "file://" + dir, Dir: dir}, backend.Folder(dir)
		return os.MkdirAll(dir, 0o755)
	}
	name = regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(name, "")
	err := w.children.spare(func() error {
		var err error
		if from == "" {
			w.place, err = w.states.NewPlace(ctx, name)
		} else {
			w.place, err = w.states.CopyPlace(ctx, name, from)
		}
		return err
	})
	if err != nil {
		return err
	}
	w.store, err = w.states.Objects(w.place, ourName)
	return err
}

// closePlace closes the world's backend, and removes what it holds if that is not needed any more.
func (w *world) closePlace(remove bool) error {
	if w.place == nil {
		return nil
	}
	err := w.place.Close()
	if w.backend == backend.File {
		return err // it goes with the world's folder
	}
	if w.store != nil {
		err = errors.Join(err, w.store.Close())
	}
	if remove {
		err = errors.Join(err, w.children.spare(func() error { return w.states.RemovePlace(context.Background(), w.place) }))
	}
	return err
}

// savePlace writes what a server holds of the world into a folder.
func (w *world) savePlace(to string) error {
	if w.backend == backend.File {
		return nil // it is saved with the world
	}
	held, err := w.store.List("", "")
	for _, o := range held {
		err = errors.Join(err, backend.Folder(to).Write(o.Key, o.Text))
	}
	return err
}

// sql runs a statement on the server of the backend. It has %s where the name of the world's database belongs.
func (w *world) sql(statement string) error {
	return w.children.spare(func() error {
		return w.states.SQL(context.Background(), fmt.Sprintf(statement, w.place.Name))
	})
}
