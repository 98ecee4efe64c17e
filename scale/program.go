package scale

import (
	"fmt"
	"strings"
)

// Program tells how the program of this checkout, with its configuration, compares with what was deployed.
type Program struct {
	// Deploy is the newest successful update that is no scaling of ours; nil if the part of the history that was read
	// has none. Commit is the commit that the program's directory is at; empty outside of a repository.
	Deploy *Deploy
	Commit string
	// ConfigDiffers are the keys whose values in the configuration file are not those of the last successful update.
	// The rules' own keys are not among them.
	ConfigDiffers []string
	// FileMissing says that there is no configuration file.
	FileMissing bool
}

// Remarks say what differs, in sentences for people, with the path of the configuration file; none if nothing does.
func (p Program) Remarks(file string) []string {
	var out []string
	if p.OtherCommit() {
		out = append(out, fmt.Sprintf("the stack was deployed from %s, and this checkout is at commit %s", p.Deploy, Abbreviate(p.Commit)))
	}
	if p.FileMissing {
		out = append(out, file+" is missing: nothing can be scaled without the stack's configuration")
	}
	if len(p.ConfigDiffers) > 0 && !p.FileMissing {
		out = append(out, fmt.Sprintf("%s differs from the last successful update in %s: a scaling uses what was deployed, and leaves the file's values to somebody's `pulumi up`",
			file, strings.Join(p.ConfigDiffers, ", ")))
	}
	return out
}

// OtherCommit says whether the stack was deployed from another commit than the one this checkout is at, as far as both
// are known.
func (p Program) OtherCommit() bool {
	return p.Deploy != nil && p.Deploy.Commit != "" && p.Commit != "" && p.Deploy.Commit != p.Commit
}

// Remarked says that the way in which the program or its configuration compares with what was deployed has changed; see
// [Program.Remarks].
type Remarked struct{ Remarks []string }

func (Remarked) IsEvent() {}
