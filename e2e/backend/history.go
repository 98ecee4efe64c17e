package backend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lengthen adds updates to a stack's history in a place. They are copies of the newest update, and come right before
// it. This works in a folder, S3 and PostgreSQL. The stack must have at least two updates, and no update may run.
func (s *Server) Lengthen(ctx context.Context, p *Place, project, stack string, updates int) error {
	switch s.Kind {
	case File, S3:
		return lengthenFolder(p.Dir, project, stack, updates)
	case Postgres:
		return s.lengthenTable(ctx, p.Name, project, stack, updates)
	}
	return fmt.Errorf("the history on %s cannot be made longer", s.Kind)
}

// before is the time between the newest update and the latest of its copies. The copies are a microsecond apart.
const before = 10 * time.Millisecond

// copied returns a name for a copy of the newest update, with a time that is earlier by back. A name is that of
// a file or key of an update, without the ending: STACK-NANOSECONDS.
func copied(newest string, back time.Duration) (string, error) {
	at := strings.LastIndexByte(newest, '-') + 1
	nanoseconds, err := strconv.ParseInt(newest[at:], 10, 64)
	return newest[:at] + strconv.FormatInt(nanoseconds-int64(back), 10), err
}

// endings returns the endings of the names of the two files that the CLI keeps for each update.
func endings() []string { return []string{".history.json", ".checkpoint.json"} }

func lengthenFolder(dir, project, stack string, updates int) error {
	folder := filepath.Join(dir, ".pulumi", "history", project, stack)
	kept, err := filepath.Glob(filepath.Join(folder, stack+"-*"+endings()[0]))
	if err != nil || len(kept) < 2 {
		return errors.Join(err, fmt.Errorf("%s has %d updates, and must have two", folder, len(kept)))
	}
	newest := strings.TrimSuffix(slices.Max(kept), endings()[0])
	for _, ending := range endings() {
		text, err := os.ReadFile(newest + ending)
		if errors.Is(err, fs.ErrNotExist) { // the CLI can be told not to keep checkpoints
			continue
		}
		if err != nil {
			return err
		}
		for i := range updates {
			name, err := copied(newest, before+time.Duration(i)*time.Microsecond)
			if err != nil {
				return err
			}
			if err := os.WriteFile(name+ending, text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// lengthenTable adds the copies in the CLI's table. Each key in the table begins with the path of the backend's
// address, which is the database's name.
func (s *Server) lengthenTable(ctx context.Context, database, project, stack string, updates int) error {
	prefix := strings.Join([]string{database, ".pulumi", "history", project, stack, stack + "-"}, "/")
	return s.sql(ctx, database, fmt.Sprintf(`DO $$
DECLARE
	newest bigint := (SELECT max(substring(key from '-([0-9]+)\.history\.json$')::bigint) FROM pulumi_state WHERE starts_with(key, '%[1]s'));
BEGIN
	INSERT INTO pulumi_state (key, data, updated_at)
	SELECT '%[1]s' || (newest - %[2]d - i * 1000) || ending, data, updated_at
	FROM unnest(ARRAY['%[3]s']) AS ending, generate_series(1, %[4]d) AS i, pulumi_state WHERE key = '%[1]s' || newest || ending;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no history below %[1]s';
	END IF;
END $$`, prefix, before.Nanoseconds(), strings.Join(endings(), "','"), updates))
}
