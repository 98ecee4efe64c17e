package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Counts are a pool's numbers in the config file, in the last successful update and in the state, and the number of its
// workers. File is -1 if the config file has none.
type Counts struct {
	File, History, State, Workers int
}

// Counts reads the numbers of a pool of the program in a folder.
func (l *Lab) Counts(ctx context.Context, dir, program, pool string) (c Counts, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "Pulumi.dev.yaml"))
	if err != nil {
		return c, err
	}
	key := program + ":" + pool + "-size"
	c.File = -1
	if found := regexp.MustCompile(`(?m)^ +` + regexp.QuoteMeta(key) + `: "?(\d+)"?$`).FindSubmatch(text); found != nil {
		c.File, _ = strconv.Atoi(string(found[1]))
	}
	applied, err := l.lastApplied(ctx, dir)
	if err != nil {
		return c, err
	}
	sizes, err := l.sizes(ctx, dir)
	if err != nil {
		return c, err
	}
	c.History, c.State = applied[key], sizes[pool]
	c.Workers, err = Workers(dir, pool)
	return c, err
}

// lastApplied returns the whole numbers in the configuration of the last successful update, by their keys.
func (l *Lab) lastApplied(ctx context.Context, dir string) (map[string]int, error) {
	text, err := l.Exec(ctx, dir, nil, "pulumi", "stack", "history", "--json", "--page-size", "100", "--page", "1")
	if err != nil {
		return nil, err
	}
	var updates []struct {
		Kind, Result string
		Config       map[string]struct{ Value string }
	}
	if err := json.Unmarshal([]byte(text), &updates); err != nil {
		return nil, err
	}
	values := map[string]int{}
	for _, u := range updates {
		if u.Kind != "update" || u.Result != "succeeded" {
			continue
		}
		for key, value := range u.Config {
			if n, err := strconv.Atoi(value.Value); err == nil {
				values[key] = n
			}
		}
		return values, nil
	}
	return nil, fmt.Errorf("none of the last %d updates has succeeded", len(updates))
}

// sizes returns the pools' sizes in the state.
func (l *Lab) sizes(ctx context.Context, dir string) (map[string]int, error) {
	text, err := l.Exec(ctx, dir, nil, "pulumi", "stack", "export")
	if err != nil {
		return nil, err
	}
	var exported struct {
		Deployment struct {
			Resources []struct {
				Type    string
				Outputs struct {
					Name string
					Size float64
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &exported); err != nil {
		return nil, err
	}
	sizes := map[string]int{}
	for _, r := range exported.Deployment.Resources {
		if r.Type == "localcloud:index:Pool" {
			sizes[r.Outputs.Name] = int(r.Outputs.Size)
		}
	}
	return sizes, nil
}
