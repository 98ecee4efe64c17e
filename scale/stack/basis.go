package stack

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/files"
	"github.com/pulumiscale/pulumiscale/scale/stack/project"
)

// basis is everything that determines what an update would do, besides the stack's state and its history: the files of
// the program and the commit that it is at, the configuration that an update gets, the CLI and its plugins, and the
// environment.
type basis struct {
	// files are the files below the program's directory, by their paths in it. Each has a mark that changes when the
	// file does.
	files map[string]string
	// rest is a digest of everything else.
	rest string
}

// digest returns a text that stands for the basis in a [scale.Proof].
func (b basis) digest() string {
	var all []byte
	for _, path := range slices.Sorted(maps.Keys(b.files)) {
		all = append(strconv.AppendQuote(all, path), b.files[path]...)
	}
	sum := sha256.Sum256(append(all, b.rest...))
	return hex.EncodeToString(sum[:])
}

// errManyFiles says that a program has too many files to look at them for every scaling.
var errManyFiles = errors.New("the program's directory has too many files")

// mostFiles is how many files a program may have. If it has more, no proof is kept: looking at one file takes 4
// microseconds, and each scaling looks at all of them.
const mostFiles = 20_000

// basis finds the present basis of an update that makes the change.
func (s *Stack) basis(change scale.Change) (basis, error) {
	at := s.program()
	if at == nil {
		return basis{}, errNoProgram
	}
	output := s.output()
	files, err := programFiles(at.project.Dir, output)
	if dir := at.project.ProgramDir(); err == nil && !strings.HasPrefix(dir+string(filepath.Separator), at.project.Dir+string(filepath.Separator)) {
		var others map[string]string
		if others, err = programFiles(dir, output); err == nil {
			for path, mark := range others {
				files[filepath.Join(dir, path)] = mark
			}
		}
	}
	if err != nil {
		return basis{}, err
	}
	// What we write ourselves is no part of the program, wherever the state directory is. Other files in that directory
	// may be.
	for _, own := range s.dir.OwnPaths() {
		if own == s.dir.Path {
			continue
		}
		if own, err := filepath.Rel(at.project.Dir, own); err == nil {
			maps.DeleteFunc(files, func(path, _ string) bool {
				return path == own || strings.HasPrefix(path, own+string(filepath.Separator))
			})
		}
	}
	config, err := at.file.WithoutCounts(change)
	if err != nil {
		return basis{}, err
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s\n%q\n%s\n%s\n", at.project.Commit(), config, fileMark(s.command.Path), s.plugins.digest())
	for _, variable := range lastingEnvironment() {
		_, _ = fmt.Fprintf(sum, "%q\n", variable)
	}
	return basis{files: files, rest: hex.EncodeToString(sum.Sum(nil))}, nil
}

// programFiles lists the files below a directory, each with its mark: see [markOf]. Hidden folders are left out. In
// folders with installed packages it looks only at the first level, because they hold tens of thousands of files that
// an installation replaces together. The stacks' own configuration, logs and the output of this process are no part of
// the program.
func programFiles(dir string, output []os.FileInfo) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && path != dir {
			return nil // it has just been removed, or the program cannot read it either
		}
		if err != nil {
			return err
		}
		name, inside := entry.Name(), path != dir
		relative := strings.TrimPrefix(strings.TrimPrefix(path, dir), string(filepath.Separator))
		switch {
		case !entry.IsDir():
			info := follow(path)
			if isLog(name) || relative == name && project.IsConfigFile(name) || isOneOf(output, info) {
				return nil
			}
			out[relative] = markOf(info)
		case inside && strings.HasPrefix(name, "."):
			return filepath.SkipDir
		case inside && isPackages(path):
			out[relative] = firstLevel(path)
			return filepath.SkipDir
		}
		if len(out) > mostFiles {
			return errManyFiles
		}
		return nil
	})
	return out, err
}

// output returns the files to which this process writes all the time, such as the log of a server whose stderr is a
// file in the program's folder.
func (s *Stack) output() []os.FileInfo {
	var out []os.FileInfo
	add := func(info os.FileInfo, err error) {
		if err == nil && info.Mode().IsRegular() {
			out = append(out, info)
		}
	}
	for _, file := range s.options.Output {
		add(file.Stat())
	}
	if s.options.Trace != "" {
		add(os.Stat(s.options.Trace))
	}
	return out
}

// isOneOf says whether a file is one of the files.
func isOneOf(files []os.FileInfo, file os.FileInfo) bool {
	return file != nil && slices.ContainsFunc(files, func(f os.FileInfo) bool { return os.SameFile(f, file) })
}

// isLog says whether a file has the name of a log. No program reads logs, and somebody may write to them all the time.
func isLog(name string) bool { return filepath.Ext(name) == ".log" || name == "nohup.out" }

// isPackages says whether a folder is one into which a package manager installs.
func isPackages(path string) bool {
	switch filepath.Base(path) {
	case "node_modules", "__pycache__", "site-packages":
		return true
	}
	return files.IsFile(filepath.Join(path, "pyvenv.cfg"))
}

// firstLevel is a mark of a folder, which changes if anything directly in the folder has come, gone or been replaced.
func firstLevel(path string) string {
	return marksIn(path, func(os.DirEntry) bool { return true })
}

// installed is a mark of the CLI's folder of plugins, which changes if a plugin was installed, replaced or removed.
// Each plugin is a folder. The files beside the folders do not count: they say when the CLI last used a plugin, or keep
// its schema.
func installed(path string) string { return marksIn(path, os.DirEntry.IsDir) }

// marksIn is a mark of those entries of a folder for which counts returns true. The mark changes if any of them has
// come, gone or been replaced.
func marksIn(path string, counts func(os.DirEntry) bool) string {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a folder that is not there has no entries
		return err.Error()
	}
	sum := sha256.New()
	for _, e := range entries {
		if !counts(e) {
			continue
		}
		_, _ = fmt.Fprintf(sum, "%q %s\n", e.Name(), fileMark(filepath.Join(path, e.Name())))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// fileMark is the mark of a file or, if there is a link at the path, of what the link leads to.
func fileMark(path string) string { return markOf(follow(path)) }

// follow looks at the file that a path leads to, or at the link at the path if that link leads nowhere. It returns nil
// if it can look at neither.
func follow(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		info, err = os.Lstat(path)
	}
	if err != nil {
		return nil
	}
	return info
}

// markOf returns the mark of a file; "-" if info is nil. Saving the file changes its time, and moving a different file
// to its place changes the inode.
func markOf(info os.FileInfo) string {
	if info == nil {
		return "-"
	}
	mark := strconv.AppendInt(make([]byte, 0, 48), info.Size(), 10) //nolint:mnd // three numbers fit, and those are decimal
	mark = strconv.AppendInt(append(mark, ' '), info.ModTime().UnixNano(), 10)
	return string(strconv.AppendUint(append(mark, ' '), files.Inode(info), 10))
}

// pluginFolders keeps the names of the plugins in the folders of PATH. Those folders have thousands of other files, and
// listing them each time would take milliseconds. A folder is listed again if its modification time has changed, as it
// does whenever a file comes or goes.
type pluginFolders struct {
	mu    sync.Mutex
	known map[string]pluginFolder
}

type pluginFolder struct {
	changed time.Time
	names   []string
}

// in returns the names of the plugins in a folder, sorted; none if the folder cannot be read.
func (f *pluginFolders) in(dir string) []string {
	info, err := os.Stat(dir)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if folder, ok := f.known[dir]; ok && folder.changed.Equal(info.ModTime()) {
		return folder.names
	}
	open, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = open.Close() }()
	names, err := open.Readdirnames(-1)
	if err != nil {
		return nil
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "pulumi-") })
	slices.Sort(names)
	if f.known == nil {
		f.known = map[string]pluginFolder{}
	}
	f.known[dir] = pluginFolder{changed: info.ModTime(), names: names}
	return names
}

// digest returns a text that changes if a plugin is installed, replaced or removed, among the plugins that Pulumi
// manages and those on PATH.
func (f *pluginFolders) digest() string {
	sum := sha256.New()
	if dir, err := workspace.GetPluginDir(); err == nil {
		_, _ = fmt.Fprintln(sum, installed(dir))
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		for _, name := range f.in(dir) {
			_, _ = fmt.Fprintf(sum, "%q %s\n", name, fileMark(filepath.Join(dir, name)))
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// lastingEnvironment returns the variables that the engine and the program get, sorted. Variables that say where and
// when somebody has started us are left out: a program that depends on them has a different result every time anyway.
func lastingEnvironment() []string {
	passing := []string{
		"_", "PWD", "OLDPWD", "SHLVL", "TERM", "COLUMNS", "LINES", "COLORTERM", "TMUX", "TMUX_PANE", "STY", "WINDOW", "WINDOWID", "NO_COLOR",
		"SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "GPG_TTY", "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_PID",
		"WATCHDOG_USEC", "SYSTEMD_EXEC_PID", "MAINPID", "TRACEPARENT", "TRACESTATE", "GOGC", "GOMEMLIMIT", "GODEBUG",
		// These open the stack, and no program depends on them. Even a digest of a short passphrase would tell
		// something about it.
		"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_ACCESS_TOKEN",
	}
	out := slices.DeleteFunc(cli.Environment(os.Environ(), ""), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(passing, name) || strings.HasPrefix(name, "PULUMISCALE_") || strings.HasPrefix(name, "XDG_SESSION")
	})
	slices.Sort(out)
	return out
}

// changedFiles returns the paths of the files that came, went or changed between two looks, sorted.
func changedFiles(before, after map[string]string) []string {
	var out []string
	for path, mark := range before {
		if now, there := after[path]; !there || now != mark {
			out = append(out, path)
		}
	}
	for path := range after {
		if _, there := before[path]; !there {
			out = append(out, path)
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}
