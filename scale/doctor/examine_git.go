package doctor

import "context"

// lookAtGit checks whether git can do what the flags about git ask for.
func (v *visit) lookAtGit(ctx context.Context) finding {
	looks := v.Git(ctx)
	if len(looks) == 0 {
		return fine("not used: no flag asks for it")
	}
	f := fine("what --git-sync or --git-push needs works")
	for _, l := range looks {
		if l.Problem == "" {
			f.details = append(f.details, l.Name+": "+l.Found)
			continue
		}
		f.details = append(f.details, l.Name+": "+l.Problem)
		switch {
		case !l.Minor && f.result != Problem:
			f.result, f.found, f.hint = Problem, "what --git-sync or --git-push needs does not work", l.Hint
		case f.result == OK:
			f.result, f.found, f.hint = Warning, "what --git-sync or --git-push needs works only in part", l.Hint
		}
	}
	return f
}
