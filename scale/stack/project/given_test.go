package project

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

func demoProject() *Project {
	return &Project{Project: &workspace.Project{Name: tokens.PackageName("demo"), Runtime: workspace.NewProjectRuntimeInfo("yaml", nil)}}
}
