// Package backend starts the real servers in which Pulumi keeps state, on loopback, each with credentials of its own.
// In front of a server stands a [Proxy] for each [Place]. With the proxy, a test makes the place unreachable, silent or
// slow.
package backend

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The kinds of backends.
const (
	File     = "file"
	S3       = "s3"
	Postgres = "postgres"
	Azure    = "azblob"
)

// Kinds are all kinds.
func Kinds() []string { return []string{File, S3, Postgres, Azure} }

// Server is a server of one kind. For a folder, it has no process.
type Server struct {
	Kind string
	// User and Password are its credentials: an access key and its secret, a role and its password, or an account and
	// its key.
	User, Password string

	dir, tools string
	address    string
	cmd        *exec.Cmd
	log        bytes.Buffer
	ended      chan struct{}
}

// startTimeout is how long a server may take until it answers.
const startTimeout = time.Minute

// Start starts a server whose files are in a folder, which must be empty. tools is the folder of the pinned tools.
func Start(ctx context.Context, kind, dir, tools string) (*Server, error) {
	s := &Server{Kind: kind, dir: dir, tools: tools, User: "u" + random(), Password: "planted-" + random()}
	if !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("there is no backend %q: it is one of %s", kind, strings.Join(Kinds(), ", "))
	}
	if kind == File {
		return s, nil
	}
	if kind == Azure { // Azure's keys are in base64
		s.Password = base64.StdEncoding.EncodeToString([]byte(s.Password))
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s.address = address
	if err := s.Up(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func random() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// freeAddress returns an address of the loopback interface at which nobody listens.
func freeAddress() (string, error) {
	l, err := listen()
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// listen listens at a free address of the loopback interface.
func listen() (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
}

// Up starts the server's process, at the same address and with the same files as before.
func (s *Server) Up(ctx context.Context) error {
	cmd, err := s.command(ctx)
	if err != nil {
		return err
	}
	s.cmd, s.ended = cmd, make(chan struct{})
	s.log.Reset()
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := s.ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		if err := s.answers(ctx); err == nil {
			return nil
		} else if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s does not answer: %w\n%s", s.Kind, err, s.log.String()), s.Down())
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s has ended:\n%s", s.Kind, s.log.String())
		default:
		}
	}
}

// Down ends the server's process.
func (s *Server) Down() error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.cmd = nil
	return nil
}

// command is the server's command line.
func (s *Server) command(ctx context.Context) (*exec.Cmd, error) {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return nil, err
	}
	switch s.Kind {
	case S3:
		cmd := exec.Command(filepath.Join(s.tools, "bin", "versitygw"), "--port", s.address, "--quiet", "posix", s.dir) //nolint:noctx // Down ends it
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.User, "ROOT_SECRET_KEY="+s.Password)
		return cmd, nil
	case Azure:
		cmd := exec.Command("node", filepath.Join(s.tools, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js"), //nolint:noctx // Down ends it
			"--blobHost", host, "--blobPort", port, "--location", s.dir, "--skipApiVersionCheck", "--disableTelemetry", "--silent")
		cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+s.User+":"+s.Password)
		return cmd, nil
	case Postgres:
		return s.postgres(ctx, host, port)
	}
	return nil, fmt.Errorf("%s has no server", s.Kind)
}

// answers returns an error unless the server accepts connections. A database must also accept the server's credentials.
func (s *Server) answers(ctx context.Context) error {
	if s.Kind == Postgres {
		return s.sql(ctx, "postgres", "SELECT 1")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Place is where one test keeps its state: a folder, a bucket, a database or a container.
type Place struct {
	// URL is the value for PULUMI_BACKEND_URL. Env are the variables with the credentials that the URL needs.
	URL string
	Env []string
	// Proxy stands between the place and whoever uses it; nil for a folder.
	Proxy *Proxy
	// Name is the name of the folder, the bucket, the database or the container. Dir is where the files of a folder or
	// a bucket are, since the S3 server keeps each object as a file; else it is empty.
	Name, Dir string
	// answers is nil unless the place is in S3.
	answers *answers
}

// NewPlace makes a place with a name of small letters and digits. The caller must close the place.
func (s *Server) NewPlace(ctx context.Context, name string) (*Place, error) {
	return s.newPlace(ctx, name, "")
}

// CopyPlace makes a place with a copy of what the place from holds. Nobody may use that place meanwhile. Only places in
// S3 and PostgreSQL can be copied.
func (s *Server) CopyPlace(ctx context.Context, name, from string) (*Place, error) {
	if s.Kind != S3 && s.Kind != Postgres {
		return nil, fmt.Errorf("a place in %s cannot be copied", s.Kind)
	}
	return s.newPlace(ctx, name, from)
}

// RemovePlace removes a closed place in S3 or PostgreSQL, with all that it holds.
func (s *Server) RemovePlace(ctx context.Context, p *Place) error {
	switch s.Kind {
	case S3:
		return os.RemoveAll(p.Dir)
	case Postgres:
		return s.sql(ctx, "postgres", "DROP DATABASE "+p.Name+" WITH (FORCE)")
	}
	return fmt.Errorf("a place in %s cannot be removed", s.Kind)
}

func (s *Server) newPlace(ctx context.Context, name, from string) (*Place, error) {
	p := &Place{Name: name}
	if s.Kind == File {
		p.Dir = filepath.Join(s.dir, name)
		p.URL = "file://" + p.Dir
		return p, os.MkdirAll(p.Dir, 0o755)
	}
	var err error
	target := s.address
	if s.Kind == S3 {
		if p.answers, err = newAnswers(target); err != nil {
			return nil, err
		}
		target = p.answers.addr
	}
	if p.Proxy, err = NewProxy(target); err != nil {
		return nil, err
	}
	address := p.Proxy.Address()
	switch s.Kind {
	case S3:
		p.Dir = filepath.Join(s.dir, name)
		if from == "" {
			err = os.Mkdir(p.Dir, 0o755) // the S3 server keeps a bucket as a folder
		} else { // with the extended attributes, in which the S3 server keeps what it knows of an object
			err = run(exec.CommandContext(ctx, "cp", "-a", filepath.Join(s.dir, from), p.Dir))
		}
		p.URL = "s3://" + name + "?" + url.Values{
			"region": {"us-east-1"}, "endpoint": {"http://" + address}, "s3ForcePathStyle": {"true"}, "disableSSL": {"true"},
		}.Encode()
		p.Env = []string{"AWS_ACCESS_KEY_ID=" + s.User, "AWS_SECRET_ACCESS_KEY=" + s.Password, "AWS_EC2_METADATA_DISABLED=true"}
	case Postgres:
		err = s.createDatabase(ctx, name, from)
		p.URL = s.databaseURL(address, name)
	case Azure:
		err = s.container(ctx, name)
		p.URL = "azblob://" + name + "?" + url.Values{"protocol": {"http"}, "domain": {address}, "localemu": {"true"}}.Encode()
		p.Env = []string{"AZURE_STORAGE_ACCOUNT=" + s.User, "AZURE_STORAGE_KEY=" + s.Password}
	}
	if err != nil {
		return nil, errors.Join(err, p.Proxy.Close())
	}
	return p, nil
}

// Close closes what stands between the place and its users. The state stays in the server.
func (p *Place) Close() error {
	if p.answers != nil {
		defer func() { _ = p.answers.server.Close() }()
	}
	if p.Proxy == nil {
		return nil
	}
	return p.Proxy.Close()
}

// container makes a container with Azure's own client.
func (s *Server) container(ctx context.Context, name string) error {
	const script = `const { BlobServiceClient, StorageSharedKeyCredential } = require("@azure/storage-blob");
const [url, account, key, name] = process.argv.slice(1);
new BlobServiceClient(url, new StorageSharedKeyCredential(account, key)).createContainer(name).catch((e) => { console.error(e); process.exit(1); });`
	cmd := exec.CommandContext(ctx, "node", "-e", script, "http://"+s.address+"/"+s.User, s.User, s.Password, name)
	cmd.Dir = filepath.Join(s.tools, "azurite")
	return run(cmd)
}

// run runs a command to its end. If the command fails, the error has what the command printed.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}
