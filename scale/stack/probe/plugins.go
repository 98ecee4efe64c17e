package probe

import (
	"context"
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
func (p *Probe) LanguageHost(ctx context.Context) doctor.Plugin {
	spec := workspace.PluginDescriptor{Kind: apitype.LanguagePlugin, Name: p.program.Runtime.Name()}
	out := doctor.Plugin{Name: spec.File(), Path: p.find(ctx, spec)}
	if out.Path == "" && p.command != nil { // the engine looks beside itself, which is beside the CLI
		if target, err := filepath.EvalSymlinks(p.command.Path); err == nil {
			if beside := filepath.Join(filepath.Dir(target), spec.File()+filepath.Ext(target)); files.IsFile(beside) {
				out.Path = beside
			}
		}
	}
	return out
}

// MissingPackages returns the folder of the program's packages and the command that makes it. Both are empty if the
// folder is there, or if none can be expected.
func (p *Probe) MissingPackages() (folder, command string) { return p.program.MissingPackages() }

// find returns the path of a plugin; empty if the plugin is not there.
func (p *Probe) find(ctx context.Context, spec workspace.PluginDescriptor) string {
	silent := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	info, err := workspace.GetPluginInfo(ctx, silent, spec, p.ownPlugins())
	if err != nil || info == nil {
		return ""
	}
	return filepath.Join(info.Path, spec.File())
}

// ownPlugins returns the plugins for which the project file itself says where they are.
func (p *Probe) ownPlugins() []workspace.ProjectPlugin {
	if p.program.Plugins == nil {
		return nil
	}
	var out []workspace.ProjectPlugin
	add := func(kind apitype.PluginKind, options []workspace.PluginOptions) {
		for _, o := range options {
			plugin := workspace.ProjectPlugin{Name: o.Name, Kind: kind, Path: o.Path}
			if !filepath.IsAbs(o.Path) {
				plugin.Path = filepath.Join(p.program.Dir, o.Path)
			}
			if version, err := semver.Parse(o.Version); err == nil {
				plugin.Version = &version
			}
			out = append(out, plugin)
		}
	}
	add(apitype.ResourcePlugin, p.program.Plugins.Providers)
	add(apitype.LanguagePlugin, p.program.Plugins.Languages)
	return out
}

// Providers returns the plugins of the providers in the state, without duplicates, and finds the path of each.
func (p *Probe) Providers(ctx context.Context) []doctor.Plugin {
	out := slices.Clone(p.survey.Providers)
	for i := range out {
		spec := workspace.PluginDescriptor{Kind: apitype.ResourcePlugin, Name: out[i].Name}
		if version, err := semver.Parse(out[i].Version); err == nil {
			spec.Version = &version
		}
		out[i].Path, out[i].Acquired = p.find(ctx, spec), acquires()
	}
	return out
}

// acquires says whether the engine gets missing plugins by itself.
func acquires() bool {
	value := os.Getenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
	return value == "" || value == "0" || strings.EqualFold(value, "false")
}
