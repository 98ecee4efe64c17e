package git_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/pulumiscale/pulumiscale/scale/git"
)

// serveSSH serves the remote over ssh to those who have a key, which it writes to a file with the configuration of the
// machine's ssh beside it.
func (r *rig) serveSSH() (url, config string) {
	r.t.Helper()
	_, hostKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		r.t.Fatal(err)
	}
	key := filepath.Join(r.dir, "id")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
	allowed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(readFile(r.t, key+".pub"))) //nolint:dogsled // what it returns
	if err != nil {
		r.t.Fatal(err)
	}
	server := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, given ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(given.Marshal(), allowed.Marshal()) {
			return nil, errors.New("another key")
		}
		return &ssh.Permissions{}, nil
	}}
	server.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go serveConnection(c, server)
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	known := filepath.Join(r.dir, "known")
	writeFile(r.t, known, "[127.0.0.1]:"+port+" "+string(ssh.MarshalAuthorizedKey(host.PublicKey())))
	config = filepath.Join(r.dir, "ssh-config")
	writeFile(r.t, config, "Host *\n  IdentityFile "+key+"\n  IdentitiesOnly yes\n  UserKnownHostsFile "+known+"\n  GlobalKnownHostsFile /dev/null\n")
	return "ssh://git@127.0.0.1:" + port + r.remote, config
}

// serveConnection runs the git that a client asks for.
func serveConnection(c net.Conn, config *ssh.ServerConfig) {
	connection, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = channel.Close() }()
			for request := range requests {
				var command struct{ Line string }
				if request.Type != "exec" || ssh.Unmarshal(request.Payload, &command) != nil || !strings.HasPrefix(command.Line, "git-") {
					_ = request.Reply(request.Type == "env", nil)
					continue
				}
				_ = request.Reply(true, nil)
				cmd := exec.Command("sh", "-c", command.Line)
				cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
				in, _ := cmd.StdinPipe()
				status := struct{ Code uint32 }{}
				if cmd.Start() == nil {
					go func() { _, _ = io.Copy(in, channel); _ = in.Close() }()
					if cmd.Wait() != nil {
						status.Code = uint32(cmd.ProcessState.ExitCode())
					}
				}
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
				return
			}
		}()
	}
}

func needSSH(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
}

func TestOverSSH(t *testing.T) {
	needSSH(t)
	r := newRig(t)
	url, config := r.serveSSH()
	r.git(r.dir, "config", "--global", "core.sshCommand", "ssh -F "+config)
	repository := r.open(func(o *git.Options) { o.URL = url })
	mustMove(t, repository.Worktree(filepath.Join(r.dir, "worktree")), r.at("main"))
	commit := mustPush(t, repository, git.Commit{Branch: "main", Edit: setKey("a", "2")})
	if r.at("main") != commit {
		t.Error("it was not pushed")
	}
	if err := repository.CheckPush(t.Context(), "main"); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(r.dir, "id")); err != nil {
		t.Fatal(err)
	}
	_, err := repository.Push(t.Context(), git.Commit{Branch: "main", Edit: setKey("a", "3")})
	if failed, is := errors.AsType[*git.PushError](err); !is || failed.Kind != git.KindUnauthorized {
		t.Errorf("error %v, want that it is not authorized", err)
	}
}

// Nothing asks whether an unknown host is the right one.
func TestOverSSHToAnUnknownHost(t *testing.T) {
	needSSH(t)
	r := newRig(t)
	url, _ := r.serveSSH()
	_, err := r.open(func(o *git.Options) { o.URL = url }).Tip(t.Context(), "main")
	failed, is := errors.AsType[*git.RemoteError](err)
	if !is || failed.Kind != git.KindUnauthorized || !strings.Contains(failed.Reason, "Host key verification failed") {
		t.Errorf("error %v, want that the host is not known", err)
	}
}
