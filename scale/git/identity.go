package git

import (
	"context"
	"fmt"
	"strings"
)

// Identity returns the committer that the machine's git uses: "Name <mail>". If git has none, the error is a
// [*PushError] of the kind identity.
func (r *Repository) Identity(ctx context.Context) (string, error) {
	who, err := r.line(ctx, "var", "GIT_COMMITTER_IDENT")
	if err != nil {
		return "", commitError(err, false)
	}
	if end := strings.LastIndex(who, ">"); end >= 0 { // the time follows
		who = who[:end+1]
	}
	return who, nil
}

// identity returns the environment variables that name a commit's author; none if author is "". If git has no committer
// configured, the variables name the author as the committer too. If author is not "Name <mail>", the error is a
// [*PushError] of the kind identity.
func (r *Repository) identity(ctx context.Context, author string) ([]string, error) {
	if author == "" {
		return nil, nil
	}
	name, mail, is := strings.Cut(author, "<")
	mail, end := strings.CutSuffix(strings.TrimSpace(mail), ">")
	name = strings.TrimSpace(name)
	if !is || !end || name == "" || mail == "" || strings.ContainsAny(author, "\n\r\x00") {
		reason := fmt.Sprintf("the author %q is not of the form \"Name <mail>\"", author)
		return nil, &PushError{Kind: KindIdentity, Reason: reason}
	}
	env := []string{"GIT_AUTHOR_NAME=" + name, "GIT_AUTHOR_EMAIL=" + mail}
	// Without this setting git makes up a committer from the user's and the machine's name.
	if _, err := r.line(ctx, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"); err != nil {
		if hasEnded(err) {
			return nil, err
		}
		env = append(env, "GIT_COMMITTER_NAME="+name, "GIT_COMMITTER_EMAIL="+mail)
	}
	return env, nil
}

// signs says whether the machine's git signs commits.
func (r *Repository) signs(ctx context.Context) (bool, error) {
	value, err := r.setting(ctx, "commit.gpgSign", "--type=bool")
	if hasEnded(err) {
		return false, err
	}
	return value == "true", nil // git fails if the key is not set
}

// Signing says whether the machine's git is configured to sign commits. If it is, Signing tries to sign a commit. If
// git cannot make a signed commit, the error is a [*PushError] of the kind signing or identity.
func (r *Repository) Signing(ctx context.Context) (configured bool, err error) {
	configured, err = r.signs(ctx)
	if err != nil || !configured {
		return false, err
	}
	write := call{args: []string{"hash-object", "-w", "-t", "tree", "--stdin"}, input: strings.NewReader("")}
	tree, err := r.run(ctx, write)
	if err != nil {
		return true, fmt.Errorf("write a tree without files: %w", err)
	}
	_, err = r.commitTree(ctx, Commit{}, firstLine(tree), nil, "A try whether commits can be signed\n")
	return true, err
}
