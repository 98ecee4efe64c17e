package stack

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// LanguageHost finds the plugin that runs the program, as the engine does: on PATH, beside the CLI or among the
// installed plugins.
func (p *Patient) LanguageHost(ctx context.Context) doctor.Plugin {
	spec := workspace.PluginDescriptor{Kind: apitype.LanguagePlugin, Name: p.project.Runtime.Name()}
	out := doctor.Plugin{Name: spec.File(), Path: p.find(ctx, spec)}
	if out.Path == "" && p.command != nil { // the engine looks beside itself, and that is not us
		if target, err := filepath.EvalSymlinks(p.command.Path); err == nil {
			if beside := filepath.Join(filepath.Dir(target), spec.File()+filepath.Ext(target)); files.IsFile(beside) {
				out.Path = beside
			}
		}
	}
	return out
}

// MissingPackages is the folder of the program's packages, if it is not there, and the command that makes it.
func (p *Patient) MissingPackages() (folder, command string) { return p.project.MissingPackages() }

// find is the path of a plugin; empty if it is not there.
func (p *Patient) find(ctx context.Context, spec workspace.PluginDescriptor) string {
	silent := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	info, err := workspace.GetPluginInfo(ctx, silent, spec, p.ownPlugins())
	if err != nil || info == nil {
		return ""
	}
	return filepath.Join(info.Path, spec.File())
}

// ownPlugins are the plugins for which the project file itself says where they are.
func (p *Patient) ownPlugins() []workspace.ProjectPlugin {
	if p.project.Plugins == nil {
		return nil
	}
	var out []workspace.ProjectPlugin
	add := func(kind apitype.PluginKind, options []workspace.PluginOptions) {
		for _, o := range options {
			plugin := workspace.ProjectPlugin{Name: o.Name, Kind: kind, Path: o.Path}
			if !filepath.IsAbs(o.Path) {
				plugin.Path = filepath.Join(p.project.Dir, o.Path)
			}
			if version, err := semver.Parse(o.Version); err == nil {
				plugin.Version = &version
			}
			out = append(out, plugin)
		}
	}
	add(apitype.ResourcePlugin, p.project.Plugins.Providers)
	add(apitype.LanguagePlugin, p.project.Plugins.Languages)
	return out
}

// Providers finds the plugins of the providers in the state, each once.
func (p *Patient) Providers(ctx context.Context) []doctor.Plugin {
	var out []doctor.Plugin
	for _, r := range p.state.all {
		name, ok := strings.CutPrefix(r.Type, "pulumi:providers:")
		if !ok || name == "pulumi" {
			continue
		}
		var inputs struct {
			Version  string `json:"version"`
			Internal struct {
				// Name is the plugin's if it is not the package's, as for a parameterized provider.
				Name            string `json:"name"`
				Parametrization struct {
					Version string `json:"version"`
				} `json:"parameterization"`
			} `json:"__internal"`
		}
		var properties map[string]json.RawMessage
		_ = json.Unmarshal(r.Inputs, &properties) // what cannot be read is not known
		for key, to := range map[string]any{"version": &inputs.Version, "__internal": &inputs.Internal} {
			_ = json.Unmarshal(properties[key], to) // nor is this
		}
		spec := workspace.PluginDescriptor{Kind: apitype.ResourcePlugin, Name: name}
		if inputs.Internal.Name != "" {
			spec.Name = inputs.Internal.Name
		}
		if version, err := semver.Parse(inputs.Version); err == nil {
			spec.Version = &version
		}
		plugin := doctor.Plugin{Name: spec.Name, Version: inputs.Version, Acquired: acquires()}
		if slices.ContainsFunc(out, func(o doctor.Plugin) bool { return o.Name == plugin.Name && o.Version == plugin.Version }) {
			continue
		}
		plugin.Path = p.find(ctx, spec)
		out = append(out, plugin)
	}
	return out
}

// acquires says whether the engine gets missing plugins by itself.
func acquires() bool {
	value := os.Getenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
	return value == "" || value == "0" || strings.EqualFold(value, "false")
}
