package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// counting makes a folder with a `pulumi` that notes what it is called with and runs the real one. The log is emptied.
func (b *bench) counting(id string) (front []string, log string, err error) {
	log = b.Path(id + ".log")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$(printf '%%s ' \"$@\" | tr '\\n' ' ')\" >>'%s'\nexec '%s' \"$@\"\n",
		log, b.Tool("pulumi"))
	dir := b.Path("counting", id)
	return []string{dir}, log, errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "pulumi"), []byte(script), 0o755))
}

// timing makes a folder with a `pulumi` that runs the real one and notes how long each update took, in nanoseconds. All
// share one such folder, because a CLI that is another one than the last time is first asked for its version.
func (b *bench) timing() (front []string, log string, err error) {
	log = b.Path("times")
	script := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *' up '*) ;; *) exec '%[1]s' \"$@\" ;; esac\n"+
		"began=$(date +%%s%%N)\n'%[1]s' \"$@\"\ncode=$?\necho $(($(date +%%s%%N) - began)) >>'%[2]s'\nexit $code\n", b.Tool("pulumi"), log)
	dir := b.Path("timing")
	return []string{dir}, log, errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "pulumi"), []byte(script), 0o755))
}

// engineTime is how long the one update in such a log took. The log is emptied.
func engineTime(log string) (time.Duration, error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return 0, err
	}
	if err := os.Remove(log); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // more than one number is no number
	return time.Duration(n), err
}

// calls are the commands of `pulumi` in such a log.
func calls(log string) ([]string, error) {
	text, err := os.ReadFile(log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		out = append(out, command(strings.Fields(line)))
	}
	return out, err
}

// command is the command in the arguments of `pulumi`, such as "up" or "stack export": the words before and between the
// flags.
func command(args []string) string {
	var words []string
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-") || i > 0 && slices.Contains([]string{"--color", "--stack"}, args[i-1]):
		case len(words) == 0:
			words = append(words, arg)
		case len(words) == 1 && (words[0] == "stack" || words[0] == "config"):
			words = append(words, arg)
		}
	}
	return strings.Join(words, " ")
}
