package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"go.yaml.in/yaml/v3"
)

// Program is the content of loop.yaml.
type Program struct {
	// Pools are registered one worker at a time, as localcloud:index:Worker resources NAME-0, NAME-1 and so on.
	Pools []Pool `yaml:"pools"`
	// Balancers are registered after the workers.
	Balancers []Balancer `yaml:"balancers"`
	// Outputs are the stack's outputs. They are taken as they stand, except the strings in them: {stack} and {project}
	// are replaced, and a string that is {size:POOL} becomes the number of that pool's workers that exist.
	Outputs map[string]any `yaml:"outputs"`
	// FailKey is a configuration key. If it is set, the program fails with its value, after it has registered
	// everything. It fails in an update, but not in a preview.
	FailKey string `yaml:"failKey"`
}

// Pool is a loop over workers.
type Pool struct {
	Name      string `yaml:"name"`
	ConfigKey string `yaml:"configKey"` // `count`, `ns:count`, or the path `pools.worker.count`
	Default   int    `yaml:"default"`
	// Component names a component whose children the workers are. It is registered before them.
	Component string `yaml:"component"`
	// The workers' resource options of these names. DeletedWith names the first worker.
	Protect        bool `yaml:"protect"`
	RetainOnDelete bool `yaml:"retainOnDelete"`
	DeletedWith    bool `yaml:"deletedWith"`
}

// Balancer is a resource beside the workers.
type Balancer struct {
	Name    string `yaml:"name"`
	Tag     string `yaml:"tag"`
	Pool    string `yaml:"pool"`    // depends on this pool's workers, by their names
	WhenKey string `yaml:"whenKey"` // registered only if this configuration key is true
}

// ReadProgram reads a program's loop.yaml. An unknown field is an error.
func ReadProgram(folder string) (*Program, error) {
	data, err := os.ReadFile(filepath.Join(folder, "loop.yaml"))
	if err != nil {
		return nil, err
	}
	var program Program
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&program); err != nil {
		return nil, fmt.Errorf("loop.yaml: %w", err)
	}
	return &program, nil
}

// provider is what the resources need for the engine to find the provider on PATH.
var provider = pulumi.Version("0.1.0")

// worker is a registered localcloud:index:Worker.
type worker struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// Register registers the program's resources and outputs with the engine.
func (p *Program) Register(ctx *pulumi.Context) error {
	workers := map[string][]*worker{}
	for _, pool := range p.Pools {
		count, err := size(ctx, pool)
		if err != nil {
			return err
		}
		workers[pool.Name] = []*worker{}
		options, err := pool.options(ctx)
		if err != nil {
			return err
		}
		for i := range count {
			name := fmt.Sprintf("%s-%d", pool.Name, i)
			args := pulumi.Map{"pool": pulumi.String(pool.Name), "name": pulumi.String(name)}
			resource := &worker{}
			own := options
			if pool.DeletedWith && i > 0 {
				own = append(slices.Clone(options), pulumi.DeletedWith(workers[pool.Name][0]))
			}
			if err := ctx.RegisterResource("localcloud:index:Worker", name, args, resource, own...); err != nil {
				return err
			}
			workers[pool.Name] = append(workers[pool.Name], resource)
		}
	}
	for _, balancer := range p.Balancers {
		if err := balancer.register(ctx, workers); err != nil {
			return err
		}
	}
	for key, value := range p.Outputs {
		output, err := fill(ctx, workers, value)
		if err != nil {
			return fmt.Errorf("output %s: %w", key, err)
		}
		ctx.Export(key, output)
	}
	if text, ok := ctx.GetConfig(fullKey(ctx, p.FailKey)); ok && !ctx.DryRun() {
		return errors.New(text)
	}
	return nil
}

// options are what the workers are registered with. It registers their component.
func (p Pool) options(ctx *pulumi.Context) ([]pulumi.ResourceOption, error) {
	options := []pulumi.ResourceOption{provider, pulumi.Protect(p.Protect), pulumi.RetainOnDelete(p.RetainOnDelete)}
	if p.Component == "" {
		return options, nil
	}
	component := &pulumi.ResourceState{}
	if err := ctx.RegisterComponentResource("loop:index:Group", p.Component, component); err != nil {
		return nil, err
	}
	return append(options, pulumi.Parent(component)), nil
}

func (b Balancer) register(ctx *pulumi.Context, workers map[string][]*worker) error {
	if b.WhenKey != "" {
		if on, _ := ctx.GetConfig(fullKey(ctx, b.WhenKey)); on != "true" {
			return nil
		}
	}
	args := pulumi.Map{"name": pulumi.String(b.Name), "tag": pulumi.String(b.Tag)}
	if b.Pool != "" {
		members := pulumi.StringArray{}
		for _, worker := range workers[b.Pool] {
			members = append(members, worker.Name)
		}
		args["workers"] = members
	}
	return ctx.RegisterResource("localcloud:index:Balancer", b.Name, args, &pulumi.CustomResourceState{}, provider)
}

// size reads a pool's count from the configuration.
func size(ctx *pulumi.Context, pool Pool) (int, error) {
	key, path, _ := strings.Cut(pool.ConfigKey, ".")
	text, ok := ctx.GetConfig(fullKey(ctx, key))
	if !ok {
		return pool.Default, nil
	}
	for _, field := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			return 0, fmt.Errorf("config %s: not an object at %s: %w", pool.ConfigKey, field, err)
		}
		text = string(object[field])
	}
	var count int
	if err := json.Unmarshal([]byte(text), &count); err != nil || count < 0 {
		return 0, fmt.Errorf("config %s: want a count, have %q", pool.ConfigKey, text)
	}
	return count, nil
}

// fullKey gives a configuration key the project's namespace if it has none.
func fullKey(ctx *pulumi.Context, key string) string {
	if strings.Contains(key, ":") {
		return key
	}
	return ctx.Project() + ":" + key
}

// fill turns a value of loop.yaml into an output, replacing the placeholders in its strings.
func fill(ctx *pulumi.Context, workers map[string][]*worker, value any) (pulumi.Input, error) {
	switch value := value.(type) {
	case map[string]any:
		filled := pulumi.Map{}
		for key, element := range value {
			output, err := fill(ctx, workers, element)
			if err != nil {
				return nil, err
			}
			filled[key] = output
		}
		return filled, nil
	case []any:
		filled := pulumi.Array{}
		for _, element := range value {
			output, err := fill(ctx, workers, element)
			if err != nil {
				return nil, err
			}
			filled = append(filled, output)
		}
		return filled, nil
	case string:
		if name, ok := strings.CutPrefix(value, "{size:"); ok {
			pool, ok := workers[strings.TrimSuffix(name, "}")]
			if !ok {
				return nil, fmt.Errorf("%s: no such pool", value)
			}
			return existing(pool), nil
		}
		return pulumi.String(strings.NewReplacer("{stack}", ctx.Stack(), "{project}", ctx.Project()).Replace(value)), nil
	default:
		return pulumi.Any(value), nil
	}
}

// existing counts the workers that have an ID: an update that does not target a new worker registers it without making
// it.
func existing(workers []*worker) pulumi.Output {
	var ids []any
	for _, worker := range workers {
		ids = append(ids, worker.ID())
	}
	return pulumi.All(ids...).ApplyT(func(ids []any) int {
		count := 0
		for _, id := range ids {
			if id != pulumi.ID("") {
				count++
			}
		}
		return count
	})
}
