package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// agree holds against each other what the config file, the last successful update, the state and the workers say of each pool. The pool
// that got nothing but deltas must also be what they add up to.
func (st *site) agree(ctx context.Context, sum int) ([]verdict, error) {
	text, err := os.ReadFile(filepath.Join(st.dir, "Pulumi.dev.yaml"))
	if err != nil {
		return nil, err
	}
	history, err := st.lastApplied(ctx)
	if err != nil {
		return nil, err
	}
	state, err := st.sizes(ctx)
	if err != nil {
		return nil, err
	}
	var out []verdict
	for _, p := range pools() {
		workers, err := lab.Workers(st.dir, p.Name)
		if err != nil {
			return nil, err
		}
		key := "soak:" + p.Name + "-size"
		configured := -1
		if found := regexp.MustCompile(`(?m)^ +` + regexp.QuoteMeta(key) + `: "?(\d+)"?$`).FindSubmatch(text); found != nil {
			configured, _ = strconv.Atoi(string(found[1]))
		}
		v := verdict{
			promise:  "pool " + p.Name + ": configuration, history, state and workers agree",
			measured: fmt.Sprintf("%d, %d, %d, %d", configured, history[key], state[p.Name], workers),
		}
		if configured != workers || history[key] != workers || state[p.Name] != workers {
			v.breaches = append(v.breaches, "they do not")
		}
		if p.Name == poolSum && workers != sum {
			v.breaches = append(v.breaches, fmt.Sprintf("all deltas that were accepted add up to %d", sum))
		}
		out = append(out, v)
	}
	return out, nil
}

// lastApplied is the configuration of the last successful update.
func (st *site) lastApplied(ctx context.Context) (map[string]int, error) {
	text, err := st.Exec(ctx, st.dir, nil, "pulumi", "stack", "history", "--json", "--page-size", "100", "--page", "1")
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

// sizes are the pools' sizes in the state.
func (st *site) sizes(ctx context.Context) (map[string]int, error) {
	text, err := st.Exec(ctx, st.dir, nil, "pulumi", "stack", "export")
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
