package backend

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// database is a backend in PostgreSQL: the table of the CLI, a row for each object. There is one connection, which is
// kept: in some outages nobody can make a new one.
type database struct {
	*sql.DB
	// base begins the keys in the table: the CLI takes the database's name, which is the path of the address, for a
	// folder.
	base string
}

func openDatabase(url, name, application string) (database, error) {
	db, err := sql.Open("pgx", url+"&application_name="+application)
	if err != nil {
		return database{}, err
	}
	db.SetMaxOpenConns(1)
	return database{db, name + "/"}, nil
}

// row is a row's data.
type row struct {
	Text []byte `json:"data"` // in base64
}

func (d database) List(prefix, suffix string) ([]Object, error) {
	const query = `SELECT key, data FROM pulumi_state
		WHERE starts_with(key, $1) AND right(key, length($2)) = $2 ORDER BY key COLLATE "C"`
	rows, err := d.QueryContext(context.Background(), query, d.base+prefix, suffix)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Object
	for rows.Next() {
		var key string
		var text []byte
		if err := rows.Scan(&key, &text); err != nil {
			return nil, err
		}
		var data row
		if err := json.Unmarshal(text, &data); err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
		out = append(out, Object{strings.TrimPrefix(key, d.base), data.Text})
	}
	return out, rows.Err()
}

func (d database) Read(key string) ([]byte, error) {
	var text []byte
	err := d.QueryRowContext(context.Background(), "SELECT data FROM pulumi_state WHERE key = $1", d.base+key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	var data row
	err = json.Unmarshal(text, &data)
	return data.Text, err
}

func (d database) Write(key string, text []byte) error {
	data, err := json.Marshal(row{text})
	if err != nil {
		return err
	}
	const statement = "INSERT INTO pulumi_state (key, data) VALUES ($1, $2) " +
		"ON CONFLICT (key) DO UPDATE SET data = $2, updated_at = now()"
	_, err = d.ExecContext(context.Background(), statement, d.base+key, string(data))
	return err
}

func (d database) Remove(key string) error {
	_, err := d.ExecContext(context.Background(), "DELETE FROM pulumi_state WHERE key = $1", d.base+key)
	return err
}

func (d database) Rename(from, to string) error {
	const statement = "UPDATE pulumi_state SET key = $2 WHERE key = $1"
	_, err := d.ExecContext(context.Background(), statement, d.base+from, d.base+to)
	return err
}
