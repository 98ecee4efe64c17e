package git

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// ancestors returns the ancestors of a commit as far as the clone has them, and the parents that the clone lacks. It
// reads at most 1000 commits. It reads the parents from the commits themselves, since git hides parents that it did not
// fetch.
func (r *Repository) ancestors(ctx context.Context, commit string) (map[string]bool, error) {
	list, err := r.local(ctx, "rev-list", "--max-count=1000", commit)
	if err != nil {
		return nil, err
	}
	out, err := r.run(ctx, call{args: []string{"cat-file", "--batch"}, input: bytes.NewReader(list)})
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for len(out) > 0 {
		head, rest, _ := bytes.Cut(out, []byte("\n"))
		var size int
		if fields := strings.Fields(string(head)); len(fields) == 3 {
			size = number(fields[2])
		}
		body := rest[:min(size, len(rest))]
		for line := range strings.SplitSeq(string(body), "\n") {
			parent, is := strings.CutPrefix(line, "parent ")
			if is {
				found[parent] = true
			}
			if line == "" { // the message begins
				break
			}
		}
		out = rest[min(size+1, len(rest)):]
	}
	return found, nil
}

// Logged is a commit in a branch's log.
type Logged struct {
	// Hash is the commit's hash.
	Hash string
	// Trailers are the trailers of the commit's message: their values, in their order, by their keys.
	Trailers map[string][]string
}

// longestLog is how many commits [Repository.Log] returns at most.
const longestLog = 50

// Log returns the newest commits of a branch, the newest first. It leaves out the commit after and all ancestors of
// it that the clone knows. The clone must have that commit. The error is a [*BranchError] if there is no such branch,
// and a [*RemoteError] if the remote could not be asked.
func (r *Repository) Log(ctx context.Context, branch, after string) ([]Logged, error) {
	tip, err := r.fetchTip(ctx, branch, boundary)
	if err != nil {
		return nil, err
	}
	out, err := r.local(ctx, "log", "--max-count="+strconv.Itoa(longestLog), "--format=%H%n%(trailers:only,unfold)%x00", tip, "^"+after)
	if err != nil {
		return nil, fmt.Errorf("read the log of branch %q: %w", branch, err)
	}
	var log []Logged
	for entry := range strings.SplitSeq(string(out), "\x00") {
		hash, trailers, _ := strings.Cut(strings.TrimSpace(entry), "\n")
		if hash == "" { // after the last commit
			continue
		}
		commit := Logged{Hash: hash, Trailers: map[string][]string{}}
		for line := range strings.SplitSeq(trailers, "\n") {
			if key, value, ok := strings.Cut(line, ": "); ok {
				commit.Trailers[key] = append(commit.Trailers[key], value)
			}
		}
		log = append(log, commit)
	}
	return log, nil
}

func number(text string) int {
	n := 0
	for _, digit := range text {
		n = 10*n + int(digit-'0')
	}
	return n
}
