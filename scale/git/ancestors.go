package git

import (
	"bytes"
	"context"
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

func number(text string) int {
	n := 0
	for _, digit := range text {
		n = 10*n + int(digit-'0')
	}
	return n
}
