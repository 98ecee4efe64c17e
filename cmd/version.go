package cmd

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/pulumiscale/pulumiscale/output"
)

// versionCommand makes the command `pulumiscale version`. It works also if the settings file is broken.
func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd, false); err != nil {
				return err
			}
			doc := versionOf(a.version)
			return a.conclude(&doc, "pulumiscale "+doc.Version+"\n", nil)
		},
	}
}

// versionOf returns the version that the linker set, or that the build recorded.
func versionOf(linked string) output.Version {
	v := output.Version{Version: linked, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && v.Version == "" {
		v.Version = info.Main.Version
	}
	if v.Version == "" {
		v.Version = "(unknown)"
	}
	if !ok {
		return v
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			v.Revision = setting.Value + v.Revision
		case setting.Key == "vcs.modified" && setting.Value == "true":
			v.Revision += "+dirty"
		}
	}
	return v
}
