package configfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/files/filestest"
)

// asSomebody does something with another user's rights on files.
func asSomebody(t *testing.T, do func()) {
	t.Helper()
	filestest.NeedsRoot(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock it: the thread ends with its rights
		if err := errors.Join(unix.Setfsgid(filestest.Somebody), unix.Setfsuid(filestest.Somebody)); err != nil {
			t.Error(err)
			return
		}
		do()
	}()
	<-done
}

// sharedFile is a file of root's in a folder in which everybody may write.
func sharedFile(t *testing.T, mode os.FileMode) File {
	t.Helper()
	f := tempFile(t, "config:\n  demo:a: 9\n")
	for dir := filepath.Dir(f.Path); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(f.Path, mode); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAFileOfSomebodyElsesIsWrittenInItsPlace(t *testing.T) {
	f := sharedFile(t, 0o666)
	uid, gid, _ := filestest.NamesOf(t, f.Path)
	asSomebody(t, func() {
		if err := f.Writable(); err != nil {
			t.Error(err)
		}
		if err := f.Write(set("a", "10")); err != nil {
			t.Error(err)
		}
	})
	filestest.WantOwner(t, f.Path, uid, gid)
	filestest.WantMode(t, f.Path, 0o666)
	if got := filestest.Content(t, f.Path); got != "config:\n  demo:a: 10\n" {
		t.Errorf("got %q", got)
	}
	left, err := os.ReadDir(filepath.Dir(f.Path))
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v, error %v", left, err)
	}
}

func TestAFileThatCannotStayWhoseItIsIsRefused(t *testing.T) {
	f := sharedFile(t, 0o644)
	asSomebody(t, func() {
		setup, ok := errors.AsType[*scale.SetupError](f.Writable())
		if !ok || !strings.Contains(setup.Error(), "owner") || !strings.Contains(setup.Hint, "as the file's owner") {
			t.Errorf("got %v", setup)
		}
		if err := f.Write(set("a", "10")); err == nil {
			t.Error("it was written")
		}
	})
	filestest.WantOwner(t, f.Path, 0, 0)
}

func TestAFileKeepsItsAttributes(t *testing.T) {
	f := tempFile(t, "config:\n  demo:a: 1\n")
	if err := unix.Setxattr(f.Path, "user.note", []byte("mine"), 0); err != nil {
		t.Skip("no attributes on this file system")
	}
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 16)
	n, err := unix.Getxattr(f.Path, "user.note", value)
	if err != nil || string(value[:n]) != "mine" {
		t.Errorf("got %q, error %v", value[:max(n, 0)], err)
	}
}

// An access list is the attribute system.posix_acl_access: version 2, then the tag, permissions and id of each entry.
func TestAFileKeepsItsAccessList(t *testing.T) {
	list := "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\xfe\xff\x00\x00" + "\x04\x00\x04\x00\xff\xff\xff\xff" +
		"\x10\x00\x06\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
	f := tempFile(t, "config:\n  demo:a: 1\n")
	if err := unix.Setxattr(f.Path, "system.posix_acl_access", []byte(list), 0); err != nil {
		t.Skip("no access lists on this file system")
	}
	if err := f.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 128)
	n, err := unix.Getxattr(f.Path, "system.posix_acl_access", value)
	if err != nil || string(value[:n]) != list {
		t.Errorf("got %q, error %v", value[:max(n, 0)], err)
	}
	filestest.WantMode(t, f.Path, 0o660)
	// A plain one gets none from its folder.
	plain := tempFile(t, "config:\n  demo:a: 1\n")
	if err := unix.Setxattr(filepath.Dir(plain.Path), "system.posix_acl_default", []byte(list), 0); err != nil {
		t.Fatal(err)
	}
	if err := plain.Write(set("a", "5")); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Getxattr(plain.Path, "system.posix_acl_access", value); !errors.Is(err, unix.ENODATA) {
		t.Errorf("error %v", err)
	}
	filestest.WantMode(t, plain.Path, 0o640)
}
