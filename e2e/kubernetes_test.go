package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pulumiscale/pulumiscale/e2e/backend"
	"github.com/pulumiscale/pulumiscale/e2e/kubernetes"
)

// TestKubernetes runs the scripts of testdata/kubernetes on a cluster, with Pulumi's own provider. Each script has a
// namespace of its own, which is $NAMESPACE, and kubectl and the provider know no other.
func TestKubernetes(t *testing.T) {
	if os.Getenv("KUBERNETES") == "" {
		t.Skip("it takes long to build a cluster: run these tests by `make e2e-kubernetes`")
	}
	root := prepared(t)
	tools := filepath.Join(root, ".tools", "kubernetes")
	for _, name := range append(kubernetes.Programs(), "stages") {
		if !exists(filepath.Join(tools, name)) {
			t.Fatalf(".tools/kubernetes/%s is missing: run these tests by `make e2e-kubernetes`", name)
		}
	}
	cluster, err := kubernetes.Start(t.Context(), t.TempDir(), tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	namespaces := atomic.Int32{}
	testscript.Run(t, params("testdata/kubernetes", root, backend.File, func(env *testscript.Env) error {
		if err := setup(env, root); err != nil {
			return err
		}
		name := "script-" + strconv.Itoa(int(namespaces.Add(1)))
		if err := cluster.NewNamespace(context.Background(), name); err != nil {
			return err
		}
		config := filepath.Join(env.WorkDir, "kubeconfig")
		env.Setenv("NAMESPACE", name)
		env.Setenv("KUBECONFIG", config)
		env.Setenv("PATH", tools+string(os.PathListSeparator)+filepath.Join(root, ".tools", "nodejs")+string(os.PathListSeparator)+env.Getenv("PATH"))
		return cluster.WriteKubeconfig(config, name)
	}))
}

// replicas checks, by kubectl, what is really there of a Deployment: it must ask for as many pods as told, at once, and
// soon have them, ready, and no others. With a second count only so many are ready.
//
//	replicas web 5
//	replicas web 9 5
func replicas(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: replicas DEPLOYMENT COUNT [READY]")
	}
	name, want := args[0], args[1]
	if got := output(ts, "kubectl", "get", "deployment", name, "--output", "jsonpath={.spec.replicas}"); got != want {
		ts.Fatalf("deployment %s asks for %s pods, want %s", name, got, want)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		pods := strings.Fields(output(ts, "kubectl", "get", "pods", "--selector", "app="+name, "--output",
			`jsonpath={range .items[*]}{.status.phase}:{.status.conditions[?(@.type=="Ready")].status} {end}`))
		ready := 0
		for _, pod := range pods {
			if pod == "Running:True" {
				ready++
			}
		}
		if strconv.Itoa(ready) == args[len(args)-1] && (len(args) == 3 || ready == len(pods)) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("deployment %s has the pods %v after half a minute, want %s", name, pods, strings.Join(args[1:], ", ready "))
		}
	}
}
