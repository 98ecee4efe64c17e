package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/pulumiscale/pulumiscale/output"
	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack"
)

// noProgram is a probe that ends at the third check.
type noProgram struct{ doctor.Probe }

func (noProgram) CLI(context.Context) (doctor.CLI, error) {
	return doctor.CLI{Path: "/bin/pulumi", Version: "3.250.0"}, nil
}

func (noProgram) Withheld() []doctor.Variable { return nil }

func (noProgram) Program(context.Context) (doctor.Program, error) {
	return doctor.Program{}, &scale.SetupError{Problem: "no Pulumi.yaml", Err: errors.New("gone"), Hint: "go there"}
}

func TestDoctorTellsEverythingOnStdoutAndExitsWith1(t *testing.T) {
	term := newTerminal(nil, "")
	var got stack.Options
	term.probe = func(o stack.Options) doctor.Probe {
		got = o
		return noProgram{}
	}
	term.run(t, "doctor --stack prod --state-dir s", 1)
	wantPart(t, term.stdout.String(), "ok           Pulumi CLI                 v3.250.0, /bin/pulumi\n"+
		"ok           environment                no variable of Pulumi's is set that stands for a flag\n"+
		"problem      program                    no Pulumi.yaml: gone\n"+
		"             hint: go there\n"+
		"not checked  stack                      it needs: program\n")
	wantPart(t, term.stdout.String(), "\n1 problem, 0 warnings\n")
	wantText(t, term.stderr.String(), "error: there is a problem with program\n")
	if got.Stack != "prod" || got.StateDir == "" {
		t.Errorf("options %+v", got)
	}
}

func TestDoctorGivesScriptsStableIDs(t *testing.T) {
	term := newTerminal(nil, "")
	term.probe = func(stack.Options) doctor.Probe { return noProgram{} }
	term.run(t, "doctor --json", 1)
	var doc output.Diagnosis
	if err := json.Unmarshal(term.stdout.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	ids := ""
	for _, c := range doc.Checks {
		ids += c.ID + " "
	}
	wantText(t, ids, "cli environment program stack backend state secrets language plugins token rules targets schedules metrics listeners current config-file drift deployed git state-dir disk locks pending "+
		"unsettled holds clock at-work ")
	if doc.Healthy || doc.Problems != 1 || doc.Error == nil || doc.Error.Kind != "unhealthy" || doc.Error.ExitCode != 1 {
		t.Errorf("got %+v, error %+v", doc, doc.Error)
	}
}

func TestDoctorTakesNoArgument(t *testing.T) {
	newTerminal(nil, "").run(t, "doctor now", 2)
}
