package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// store is what a world's backend holds, object by object, as the campaign itself reads and changes it. Nobody who is
// judged has a hand in that: neither an engine nor pulumiscale, and no code of theirs. It goes past the proxy, so that
// an outage is none here.
type store interface {
	// objects are those whose keys begin with a prefix and end with a suffix, in the order of their keys.
	objects(prefix, suffix string) ([]object, error)
	// read reads an object. The error is [fs.ErrNotExist] if there is none.
	read(key string) ([]byte, error)
	write(key string, text []byte) error
	// remove and rename do nothing if there is no such object.
	remove(key string) error
	rename(from, to string) error
}

// object is an object with its text.
type object struct {
	key  string
	text []byte
}

// The keys of what a backend holds of a stack.
func stateKey(project string) string { return ".pulumi/stacks/" + project + "/" + stackName + ".json" }
func historyPrefix(project string) string {
	return ".pulumi/history/" + project + "/" + stackName + "/"
}
func lockPrefix() string { return ".pulumi/locks/organization/" + projectName + "/" + stackName + "/" }

// holds says whether there is an object.
func holds(s store, key string) bool {
	_, err := s.read(key)
	return err == nil
}

// folder is a store whose objects are files: a backend in a folder, or a bucket of the S3 gateway, which keeps each
// object as a file.
type folder string

func (f folder) path(key string) string { return filepath.Join(string(f), filepath.FromSlash(key)) }

func (f folder) objects(prefix, suffix string) ([]object, error) {
	var out []object
	top := f.path(prefix[:strings.LastIndex(prefix, "/")+1])
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return missing(err)
		}
		relative, err := filepath.Rel(string(f), path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(relative)
		if !entry.Type().IsRegular() || !strings.HasPrefix(key, prefix) || !strings.HasSuffix(key, suffix) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			out = append(out, object{key, text})
		}
		return missing(err) // it may have just been taken away
	})
	slices.SortFunc(out, func(a, b object) int { return strings.Compare(a.key, b.key) })
	return out, err
}

func (f folder) read(key string) ([]byte, error) { return os.ReadFile(f.path(key)) }

func (f folder) write(key string, text []byte) error {
	return errors.Join(os.MkdirAll(filepath.Dir(f.path(key)), 0o755), os.WriteFile(f.path(key), text, 0o644))
}

func (f folder) remove(key string) error { return missing(os.Remove(f.path(key))) }

func (f folder) rename(from, to string) error { return missing(os.Rename(f.path(from), f.path(to))) }
