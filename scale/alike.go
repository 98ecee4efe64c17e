package scale

import "regexp"

// SaidOf is a diagnostic with all the resources of which the engine said the same.
type SaidOf struct {
	Diagnostic
	// URNs are these resources, in the order in which it was said of them; empty if it was said of none.
	URNs []string
}

// applier is the name under which Pulumi's Kubernetes provider applies a resource. It is another one for each resource,
// in messages that are otherwise the same.
var applier = regexp.MustCompile(`"pulumi-kubernetes-[0-9a-f]+"`)

// Alike is a diagnostic without the resource that it is about: two that are alike tell people the same.
func (d Diagnostic) Alike() Diagnostic {
	return Diagnostic{Severity: d.Severity, Message: applier.ReplaceAllLiteralString(d.Message, `"pulumi-kubernetes-…"`)}
}

// SayOnce puts diagnostics that are alike together, each where it was said first. One that is like no other is as the
// engine gave it.
func SayOnce(diagnostics []Diagnostic) []SaidOf {
	var out []SaidOf
	at := map[Diagnostic]int{}
	for _, d := range diagnostics {
		alike := d.Alike()
		i, again := at[alike]
		if !again {
			at[alike] = len(out)
			out, i = append(out, SaidOf{Diagnostic: d}), len(out)
		} else {
			out[i].Diagnostic = Diagnostic{Severity: d.Severity, URN: out[i].URN, Message: alike.Message}
		}
		if d.URN != "" {
			out[i].URNs = append(out[i].URNs, d.URN)
		}
	}
	return out
}
