package git_test

import (
	"testing"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

func TestWithoutCredentials(t *testing.T) {
	for _, c := range []struct{ name, url, want string }{
		{"a password goes, and the name with it", "https://ada:secret@example.com/a.git", "https://example.com/a.git"},
		{"a token in the place of the name goes", "https://ghp_0123456789abcdef@github.com/a/b", "https://github.com/a/b"},
		{"a password may have an at-sign", "https://ada:se@cret@example.com:8443/a", "https://example.com:8443/a"},
		{"the user of ssh stays", "ssh://git@example.com:22/a.git", "ssh://git@example.com:22/a.git"},
		{"the password of ssh goes", "ssh://git:secret@example.com/a.git", "ssh://git@example.com/a.git"},
		{"a URL without any stays", "https://example.com/a@b.git", "https://example.com/a@b.git"},
		{"so does the short form of ssh", "git@github.com:a/b.git", "git@github.com:a/b.git"},
		{"and a path", "/srv/a@b.git", "/srv/a@b.git"},
		{"and a URL of a file", "file:///srv/a@b.git", "file:///srv/a@b.git"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := git.WithoutCredentials(c.url); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
