//go:build linux || darwin

package files

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// copyAttributes copies the extended attributes of a file, its access list among them, to a second file. It removes the
// second file's other attributes, which that file got from its folder. It leaves to the system the attributes that the
// system itself sets.
func copyAttributes(from, to string) error {
	want, err := attributesOf(from)
	if err != nil {
		return err
	}
	have, err := attributesOf(to)
	if err != nil {
		return err
	}
	for name, value := range want {
		if bytes.Equal(have[name], value) {
			continue
		}
		if err := unix.Setxattr(to, name, value, 0); err != nil && !ofTheSystem(name) {
			return err
		}
	}
	for name := range have {
		if _, ok := want[name]; ok || ofTheSystem(name) {
			continue
		}
		if err := unix.Removexattr(to, name); err != nil {
			return err
		}
	}
	return nil
}

// ofTheSystem says whether the system sets an attribute as it sees fit, such as labels of SELinux and macOS's
// provenance.
func ofTheSystem(name string) bool {
	return strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.") || strings.HasPrefix(name, "com.apple.")
}

// attributesOf returns the extended attributes of a file, by name; none if the file system has none.
func attributesOf(path string) (map[string][]byte, error) {
	list, err := growing(func(buffer []byte) (int, error) { return unix.Listxattr(path, buffer) })
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for name := range bytes.SplitSeq(list, []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value, err := growing(func(buffer []byte) (int, error) { return unix.Getxattr(path, string(name), buffer) })
		if err != nil {
			if ofTheSystem(string(name)) {
				continue
			}
			return nil, err
		}
		out[string(name)] = value
	}
	return out, nil
}

// growing calls get with a buffer that is large enough, and returns what get has put into it.
func growing(get func([]byte) (int, error)) ([]byte, error) {
	for {
		size, err := get(nil)
		if err != nil || size == 0 {
			return nil, err
		}
		buffer := make([]byte, size)
		n, err := get(buffer)
		if errors.Is(err, unix.ERANGE) { // the list or value has grown
			continue
		}
		if err != nil {
			return nil, err
		}
		return slices.Clip(buffer[:n]), nil
	}
}
