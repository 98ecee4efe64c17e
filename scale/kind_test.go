package scale_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestEveryErrorHasAKindOfItsOwn(t *testing.T) {
	failing, kinds, owners := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, method := range methods(t) {
		star, ok := method.Recv.List[0].Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		name := star.X.(*ast.Ident).Name
		switch method.Name.Name {
		case "Error":
			failing[name] = true
		case "Kind":
			kinds[name] = method.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.Ident).Name
		}
	}
	if len(failing) == 0 {
		t.Fatal("there are no errors")
	}
	for name := range failing {
		if kinds[name] == "" {
			t.Errorf("%s has no method Kind", name)
		} else if other := owners[kinds[name]]; other != "" {
			t.Errorf("%s and %s are both %s", name, other, kinds[name])
		}
		owners[kinds[name]] = name
	}
}

// methods are all methods of the package, without its tests.
func methods(t *testing.T) (out []*ast.FuncDecl) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

func TestKindOf(t *testing.T) {
	locked, setup := &scale.LockedError{}, &scale.SetupError{}
	for name, c := range map[string]struct {
		err  error
		want scale.Kind
	}{
		"no error":                     {nil, ""},
		"an error without a kind":      {errors.New("x"), scale.KindFailed},
		"an error in a chain":          {fmt.Errorf("read: %w", locked), scale.KindLocked},
		"the outermost of a chain":     {&scale.WriteError{Err: locked}, scale.KindWrite},
		"a cause that is hidden":       {&scale.OvertakenError{Err: locked}, scale.KindOvertaken},
		"the first of joined errors":   {errors.Join(setup, locked), scale.KindSetup},
		"the only one of joined ones":  {errors.Join(errors.New("x"), locked), scale.KindLocked},
		"the first, however deep down": {errors.Join(fmt.Errorf("read: %w", locked), setup), scale.KindLocked},
	} {
		t.Run(name, func(t *testing.T) {
			if got := scale.KindOf(c.err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
