// Command typecheck checks that the packages of the module in the working directory compile for other operating
// systems.
//
//	go -C tools/typecheck run . -dir ../.. darwin windows
//
// It checks the types, as the compiler does first, and makes no code. That takes seconds, where a build has to compile
// every dependency once more for each system.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"golang.org/x/tools/go/packages"
)

func main() {
	dir := flag.String("dir", ".", "the module's `folder`")
	flag.Parse()
	failed := false
	for _, system := range flag.Args() {
		start := time.Now()
		checked, problems, err := check(*dir, system)
		for _, problem := range problems {
			fmt.Fprintln(os.Stderr, problem)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		failed = failed || err != nil || len(problems) > 0 || checked == 0
		fmt.Printf("%s: %d packages checked in %s\n", system, checked, time.Since(start).Round(time.Second))
	}
	if failed || flag.NArg() == 0 {
		os.Exit(1)
	}
}

// check type-checks the module's packages, without their tests, for an operating system.
func check(dir, system string) (checked int, problems []string, err error) {
	found, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedTypesSizes,
		Dir:  dir,
		Env:  append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
	}, "./...")
	for _, p := range found {
		for _, e := range p.Errors {
			problems = append(problems, e.Error())
		}
	}
	return len(found), problems, err
}
