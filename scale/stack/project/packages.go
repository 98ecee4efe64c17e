package project

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/pulumiscale/pulumiscale/scale/stack/files"
)

// MissingPackages returns the folder of the packages that the program needs to run, and the command that makes the
// folder, if the folder is missing. Both are empty if the folder is there, or if none can be expected.
func (p *Project) MissingPackages() (folder, command string) {
	switch p.Runtime.Name() {
	case "nodejs", "bun":
		return p.missingModules()
	case "python":
		return p.missingVirtualenv()
	}
	return "", ""
}

// missingModules looks for Node's packages as Node does: in the program's folder, and in the folders above it. With
// Yarn's Plug'n'Play, or with NODE_PATH, the packages are elsewhere.
func (p *Project) missingModules() (folder, command string) {
	dir := p.ProgramDir()
	if !files.IsFile(filepath.Join(dir, "package.json")) && files.IsFile(filepath.Join(p.Dir, "package.json")) {
		dir = p.Dir
	}
	if !files.IsFile(filepath.Join(dir, "package.json")) || os.Getenv("NODE_PATH") != "" {
		return "", ""
	}
	manager := p.option("packagemanager")
	for above := dir; ; above = filepath.Dir(above) {
		if isFolder(filepath.Join(above, "node_modules")) || files.IsFile(filepath.Join(above, ".pnp.cjs")) {
			return "", ""
		}
		for _, lock := range [][2]string{{"package-lock.json", "npm"}, {"yarn.lock", "yarn"}, {"pnpm-lock.yaml", "pnpm"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"}} {
			if manager == "" && files.IsFile(filepath.Join(above, lock[0])) {
				manager = lock[1]
			}
		}
		if above == filepath.Dir(above) {
			break
		}
	}
	if p.Runtime.Name() == "bun" {
		manager = cmp.Or(manager, "bun")
	}
	return filepath.Join(dir, "node_modules"), cmp.Or(manager, "npm") + " install"
}

// missingVirtualenv looks for the folder that the project file names. Poetry and uv make their folders by themselves.
func (p *Project) missingVirtualenv() (folder, command string) {
	folder = p.option("virtualenv")
	if toolchain := p.option("toolchain"); folder == "" || toolchain != "" && toolchain != "pip" {
		return "", ""
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(p.Dir, folder)
	}
	if isFolder(folder) {
		return "", ""
	}
	return folder, "pulumi install"
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// option returns an option of the runtime from the project file; empty if the file has none of that name.
func (p *Project) option(name string) string {
	text, _ := p.Runtime.Options()[name].(string)
	return text
}
