package stack

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

func demoProject() *project.Project {
	return &project.Project{Project: &workspace.Project{Name: tokens.PackageName("demo"), Runtime: workspace.NewProjectRuntimeInfo("yaml", nil)}}
}

// leastRule are rules with one pool, worker, and its key.
func leastRule(key string, path bool) scale.Rules {
	return scale.Rules{"worker": {Pool: "worker", Targets: []string{"**::worker"}, ConfigKey: key, ConfigPath: path, Max: 10}}
}

func set(key, text string) []scale.Setting { return []scale.Setting{{Key: key, Value: &text}} }
