package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Objects is what a backend holds, object by object, as the tests themselves read and change it. Nobody who is judged
// has a hand in that: neither an engine nor pulumiscale, and no code of theirs. It goes past the proxy, so that an
// outage is none here.
type Objects interface {
	// List returns the objects whose keys begin with a prefix and end with a suffix, in the order of their keys.
	List(prefix, suffix string) ([]Object, error)
	// Read reads an object. The error is [fs.ErrNotExist] if there is none.
	Read(key string) ([]byte, error)
	Write(key string, text []byte) error
	// Remove and Rename do nothing if there is no such object.
	Remove(key string) error
	Rename(from, to string) error
	Close() error
}

// Object is an object with its text.
type Object struct {
	Key  string
	Text []byte
}

// LockPrefix is what the keys of a stack's locks begin with.
func LockPrefix(project, stack string) string {
	return ".pulumi/locks/organization/" + project + "/" + stack + "/"
}

// Objects opens what a place of the server holds. application is what a database calls the connection.
func (s *Server) Objects(p *Place, application string) (Objects, error) {
	switch {
	case p.Dir != "":
		return Folder(p.Dir), nil
	case s.Kind == Postgres:
		return openDatabase(s.DatabaseURL(p.Name), p.Name, application)
	}
	return nil, fmt.Errorf("what a backend of the kind %s holds can be read only by way of its server", s.Kind)
}

// Folder is a backend whose objects are files: one in a folder, or a bucket of the S3 gateway, which keeps each object
// as a file.
type Folder string

func (f Folder) path(key string) string { return filepath.Join(string(f), filepath.FromSlash(key)) }

// List returns objects: see [Objects].
func (f Folder) List(prefix, suffix string) ([]Object, error) {
	var out []Object
	top := f.path(prefix[:strings.LastIndex(prefix, "/")+1])
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return unlessMissing(err)
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
			out = append(out, Object{key, text})
		}
		return unlessMissing(err) // it may have just been removed
	})
	slices.SortFunc(out, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	return out, err
}

// Read reads an object: see [Objects].
func (f Folder) Read(key string) ([]byte, error) { return os.ReadFile(f.path(key)) }

// Write writes an object: see [Objects].
func (f Folder) Write(key string, text []byte) error {
	return errors.Join(os.MkdirAll(filepath.Dir(f.path(key)), 0o755), os.WriteFile(f.path(key), text, 0o644))
}

// Remove removes an object: see [Objects].
func (f Folder) Remove(key string) error { return unlessMissing(os.Remove(f.path(key))) }

// Rename renames an object: see [Objects].
func (f Folder) Rename(from, to string) error {
	return unlessMissing(os.Rename(f.path(from), f.path(to)))
}

// Close does nothing.
func (Folder) Close() error { return nil }

// unlessMissing returns nil if a file is not there, and any other error as it is.
func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
