//go:build !windows

package stack

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestReadOfADestroyedStack(t *testing.T) {
	const (
		root    = `{"urn":"urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev","type":"pulumi:pulumi:Stack","outputs":{"pulumiscale":` + rulesOutput + `}}`
		whole   = root + `,{"urn":"urn:pulumi:dev::demo::a:b:C::w","type":"a:b:C"}`
		ours    = "pulumiscale/1 after=x pools=worker"
		nobody  = `{}`
		nothing = ""
	)
	changing := func(entry, changes string) string {
		return strings.Replace(entry, `"message"`, `"resourceChanges":`+changes+`,"message"`, 1)
	}
	up := past("update", "succeeded", time.Hour, counted, "")
	for _, c := range []struct {
		name, resources string
		history         []string
		destroyed       bool
		rules           int
	}{
		{"one that is there", whole, []string{up}, false, 1},
		{"destroyed", nothing, []string{past("destroy", "succeeded", 0, counted, ""), up}, true, 0},
		{"a part of it", whole, []string{past("destroy", "succeeded", 0, counted, ""), up}, true, 1},
		{"a destroy that failed", whole, []string{past("destroy", "failed", 0, counted, ""), up}, true, 1},
		{"refreshed since", whole, []string{past("refresh", "succeeded", 0, counted, ""), past("destroy", "failed", 0, counted, ""), up}, true, 1},
		{"an update since has failed", whole, []string{past("update", "failed", 0, counted, ""), past("destroy", "failed", 0, counted, ""), up}, true, 1},
		{"an update of ours met the destroy", whole, []string{past("update", "succeeded", 0, counted, ours), past("destroy", "succeeded", 0, counted, ""), up}, true, 1},
		{"built up again", whole, []string{up, past("destroy", "succeeded", 2*time.Hour, counted, "")}, false, 1},
		{"no resources, by whatever means", nothing, []string{up}, true, 0},
		{"nothing but the stack, where an update had left more", root, []string{changing(up, `{"same":1,"update":1}`)}, true, 1},
		{"nothing but the stack, as an update had left it", root, []string{changing(up, `{"same":1,"delete":3}`)}, false, 1},
		{"never deployed", nothing, []string{past("update", "failed", time.Hour, nobody, "")}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			e.put("export.json", `{"deployment":{"manifest":{"time":"2999-01-01T00:00:00Z"},"resources":[`+c.resources+`]}}`)
			e.put("history1.json", history(c.history...))
			snap, err := e.Read(context.Background())
			var destroyed *scale.DestroyedError
			if errors.As(err, &destroyed) != c.destroyed || snap == nil || len(snap.Rules) != c.rules {
				t.Errorf("%+v, error %v", snap, err)
			}
			if c.destroyed && destroyed.Stack != "dev" {
				t.Errorf("%+v", destroyed)
			}
			if e.last.Load() != nil && err != nil {
				t.Error("it is remembered")
			}
		})
	}
}
