package main

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

// database is the store of a backend in PostgreSQL: the table of the CLI, a row for each object. The connection is
// kept, since nobody can make a new one in some of the outages.
type database struct {
	*sql.DB
	// base begins the keys in the table: the CLI takes the database's name, which is the path of the address, for a
	// folder.
	base string
}

// ourName is what the server calls the connections of the campaign's own.
const ourName = "campaign"

func openDatabase(url, name string) (database, error) {
	db, err := sql.Open("pgx", url+"&application_name="+ourName)
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

func (d database) objects(prefix, suffix string) ([]object, error) {
	const query = `SELECT key, data FROM pulumi_state
		WHERE starts_with(key, $1) AND right(key, length($2)) = $2 ORDER BY key COLLATE "C"`
	rows, err := d.QueryContext(context.Background(), query, d.base+prefix, suffix)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []object
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
		out = append(out, object{strings.TrimPrefix(key, d.base), data.Text})
	}
	return out, rows.Err()
}

func (d database) read(key string) ([]byte, error) {
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

func (d database) write(key string, text []byte) error {
	data, err := json.Marshal(row{text})
	if err != nil {
		return err
	}
	const statement = "INSERT INTO pulumi_state (key, data) VALUES ($1, $2) " +
		"ON CONFLICT (key) DO UPDATE SET data = $2, updated_at = now()"
	_, err = d.ExecContext(context.Background(), statement, d.base+key, string(data))
	return err
}

func (d database) remove(key string) error {
	_, err := d.ExecContext(context.Background(), "DELETE FROM pulumi_state WHERE key = $1", d.base+key)
	return err
}

func (d database) rename(from, to string) error {
	const statement = "UPDATE pulumi_state SET key = $2 WHERE key = $1"
	_, err := d.ExecContext(context.Background(), statement, d.base+from, d.base+to)
	return err
}
