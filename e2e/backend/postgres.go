package backend

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
)

// postgres returns the command line of a PostgreSQL server. The first call also makes the server's files.
func (s *Server) postgres(ctx context.Context, host, port string) (*exec.Cmd, error) {
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return nil, err
	}
	server, err := postgresProgram("postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if _, err := os.Stat(data); err != nil {
		if err := s.initialize(ctx, initdb, data); err != nil {
			return nil, err
		}
	}
	// No test cuts the power, so nothing need be synced. Tests with many stacks at once have many connections.
	cmd := exec.Command(server, "-D", data, "-h", host, "-p", port, "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200") //nolint:noctx // Down ends it
	asSomebody(cmd)
	return cmd, nil
}

// initialize makes the server's files, with a role that has a password.
func (s *Server) initialize(ctx context.Context, initdb, data string) error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(s.Password), 0o600); err != nil {
		return err
	}
	if err := giveAway(s.dir, password); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, initdb, "-D", data, "-A", "scram-sha-256", "-U", s.User, "--pwfile", password, "--no-sync", "--no-locale", "-E", "UTF8")
	asSomebody(cmd)
	return run(cmd)
}

// DatabaseURL returns the address of a place's database on the server itself, without the place's proxy.
func (s *Server) DatabaseURL(name string) string { return s.databaseURL(s.address, name) }

func (s *Server) databaseURL(address, name string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(s.User, s.Password), Host: address, Path: name, RawQuery: "sslmode=disable",
	}).String()
}

// createDatabase creates a database, or a copy of the database from. In a copy, the keys must be renamed: the CLI
// begins each key with the path of the backend's address, which is the database's name.
func (s *Server) createDatabase(ctx context.Context, name, from string) error {
	if from == "" {
		return s.sql(ctx, "postgres", "CREATE DATABASE "+name)
	}
	if err := s.sql(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		return err
	}
	return s.sql(ctx, name, fmt.Sprintf("UPDATE pulumi_state SET key = '%s/' || substr(key, length('%s/') + 1)", name, from))
}

// SQL runs a statement on the server, in the database postgres.
func (s *Server) SQL(ctx context.Context, statement string) error {
	return s.sql(ctx, "postgres", statement)
}

func (s *Server) sql(ctx context.Context, database, statement string) error {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	psql, err := postgresProgram("psql")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, psql, "--no-psqlrc", "--quiet", "--no-password", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", s.User, "-d", database, "-c", statement)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+s.Password, "PGCONNECT_TIMEOUT=5")
	return run(cmd)
}

// postgresProgram returns the path of one of PostgreSQL's programs. Debian's folder comes first, since it is not on
// PATH.
func postgresProgram(name string) (string, error) {
	found, err := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name))
	if err == nil && len(found) > 0 {
		return found[len(found)-1], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL is missing, such as Debian's package postgresql: %w", err)
	}
	return path, nil
}
