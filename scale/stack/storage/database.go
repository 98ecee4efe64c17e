package storage

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// database is a PostgreSQL table in the CLI's format. It has one row for each object. The row's data is JSON that holds
// the object's content in base64.
type database struct {
	*sql.DB
	table string
}

// openDatabase uses a different driver than the CLI does, because the CLI's driver waits forever for a server that does
// not answer. Both drivers read an address alike, except for the parameters table and binary_parameters, which this
// driver does not know.
func openDatabase(address *url.URL) (store, error) {
	opened, query := *address, address.Query()
	table := cmp.Or(query.Get("table"), "pulumi_state")
	query.Del("table")
	query.Del("binary_parameters")
	opened.RawQuery = query.Encode()
	config, err := pgx.ParseConfig(opened.String())
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip for a query, also behind a pooler of connections
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetConnMaxIdleTime(idleTime)
	return database{db, quoted(table)}, nil
}

// connections is the largest number of connections. Two are needed, because the state and the history are read at the
// same time.
const connections = 2

// idleTime is how long an unused connection stays open: long enough that two scalings for one alarm can use it.
const idleTime = time.Minute

// quoted returns a table's name, which may begin with a schema, in a form that means the same table as in the CLI's
// queries.
func quoted(table string) string {
	parts := strings.Split(table, ".")
	for i, part := range parts {
		parts[i] = pgx.Identifier{strings.ToLower(part)}.Sanitize() // the CLI does not quote the name, so its case does not count
	}
	return strings.Join(parts, ".")
}

func (d database) list(ctx context.Context, prefix, after string) ([]object, error) {
	return d.objects(ctx, `AND key COLLATE "C" > $2 ORDER BY key COLLATE "C"`, prefix, after)
}

func (d database) last(ctx context.Context, prefix string, n int) ([]object, bool, error) {
	limit := sql.NullInt64{Int64: int64(n) + 1, Valid: n > 0} // one more shows whether there are older ones
	found, err := d.objects(ctx, `AND strpos(key, '`+historySuffix+`') > 0 ORDER BY key COLLATE "C" DESC LIMIT $2`, prefix, limit)
	if err != nil {
		return nil, false, err
	}
	complete := n == 0 || len(found) <= n
	if !complete {
		found = found[:n]
	}
	slices.Reverse(found)
	return found, complete, nil
}

// objects lists the objects whose keys begin with a prefix. rest is SQL that limits and sorts them, and more is the
// parameter of rest. The SQL sorts by the bytes of the keys, because the database may sort differently by default.
func (d database) objects(ctx context.Context, rest, prefix string, more any) ([]object, error) {
	rows, err := d.QueryContext(ctx, `SELECT key, updated_at FROM `+d.table+` WHERE starts_with(key, $1) `+rest, prefix, more) //nolint:gosec // the name is quoted
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []object
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.key, &o.modified); err != nil {
			return nil, err
		}
		o.mark = o.modified.UTC().Format(time.RFC3339Nano)
		out = append(out, o)
	}
	return out, rows.Err()
}

func (d database) read(ctx context.Context, keys []string) ([][]byte, error) {
	rows, err := d.QueryContext(ctx, `SELECT key, data FROM `+d.table+` WHERE key = ANY($1)`, keys) //nolint:gosec // the name is quoted
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := map[string][]byte{}
	for rows.Next() {
		var key string
		var text []byte
		if err := rows.Scan(&key, &text); err != nil {
			return nil, err
		}
		var stored struct {
			Data []byte `json:"data"` // in base64
		}
		if err := json.Unmarshal(text, &stored); err != nil {
			return nil, err
		}
		found[key] = stored.Data
	}
	out := make([][]byte, len(keys))
	for i, key := range keys {
		var ok bool
		if out[i], ok = found[key]; !ok {
			return nil, fmt.Errorf("%s is gone", key)
		}
	}
	return out, rows.Err()
}

func (d database) close() error { return d.Close() }
