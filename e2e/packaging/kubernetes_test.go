package packaging

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// root is the repository, from this folder. folder is what is tested in it.
const (
	root   = "../.."
	folder = root + "/packaging"
)

// manifests are the objects of a manifest, in Kubernetes's own types. A field that a type does not have is a mistake.
func manifests(t *testing.T, name string) (objects []any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(document, &kind); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		object := map[string]any{
			"v1 ServiceAccount": &corev1.ServiceAccount{}, "v1 Secret": &corev1.Secret{}, "v1 Service": &corev1.Service{},
			"apps/v1 StatefulSet": &appsv1.StatefulSet{}, "policy/v1 PodDisruptionBudget": &policyv1.PodDisruptionBudget{},
		}[kind.APIVersion+" "+kind.Kind]
		if object == nil {
			t.Fatalf("%s: no type for %v", name, kind)
		}
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			t.Fatalf("%s: %s: %v", name, kind.Kind, err)
		}
		objects = append(objects, object)
	}
	return objects
}

// What docs/operations.md says of Kubernetes holds: one replica, or three with docs/cluster.md, a fixed name and a volume for the state, time to stop,
// and no rights.
func TestKubernetesManifests(t *testing.T) {
	for name, replicas := range map[string]int32{"kubernetes.yaml": 1, "kubernetes-sidecar.yaml": 1, "kubernetes-cluster.yaml": 3} {
		var set *appsv1.StatefulSet
		for _, object := range manifests(t, name) {
			if found, ok := object.(*appsv1.StatefulSet); ok {
				set = found
			}
		}
		if set == nil {
			t.Fatalf("%s has no StatefulSet", name)
		}
		pod := set.Spec.Template
		if diff := cmp.Diff(set.Spec.Selector.MatchLabels, pod.Labels); diff != "" {
			t.Errorf("%s: the selector does not match the pod:\n%s", name, diff)
		}
		if *set.Spec.Replicas != replicas || *pod.Spec.TerminationGracePeriodSeconds < 600 {
			t.Errorf("%s: %d replicas, %d s to stop", name, *set.Spec.Replicas, *pod.Spec.TerminationGracePeriodSeconds)
		}
		for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			checkConfined(t, name, pod.Spec.SecurityContext, &container)
			if container.Name != "pulumiscale" {
				continue
			}
			checkContainer(t, name, &container, set.Spec.VolumeClaimTemplates)
		}
	}
}

// checkConfined holds that every container runs as nobody in particular, on a root file system that it cannot write,
// with no rights, and with an image of a tag or a digest.
func checkConfined(t *testing.T, name string, pod *corev1.PodSecurityContext, container *corev1.Container) {
	t.Helper()
	security := container.SecurityContext
	is := func(flag *bool) bool { return flag != nil && *flag }
	switch {
	case security == nil || security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation || security.Capabilities == nil ||
		len(security.Capabilities.Drop) != 1 || security.Capabilities.Drop[0] != "ALL" || len(security.Capabilities.Add) > 0:
		t.Errorf("%s: %s may do more than it needs", name, container.Name)
	case !is(security.ReadOnlyRootFilesystem):
		t.Errorf("%s: %s can write its root file system", name, container.Name)
	case !is(security.RunAsNonRoot) && !is(pod.RunAsNonRoot):
		t.Errorf("%s: %s may run as root", name, container.Name)
	case pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Errorf("%s: %s has no seccomp profile", name, container.Name)
	}
	if _, tag, _ := strings.Cut(container.Image, ":"); tag == "" || tag == "latest" {
		t.Errorf("%s: %s has an image without a version: %s", name, container.Name, container.Image)
	}
}

// What docs/cluster.md says of it holds: the replicas find each other by names of their own before they are ready, all start
// at once, no two are on a node, and two are always there.
func TestKubernetesManifestOfThree(t *testing.T) {
	const name = "kubernetes-cluster.yaml"
	var set *appsv1.StatefulSet
	services := map[string]*corev1.Service{}
	var budget *policyv1.PodDisruptionBudget
	for _, object := range manifests(t, name) {
		switch o := object.(type) {
		case *appsv1.StatefulSet:
			set = o
		case *corev1.Service:
			services[o.Name] = o
		case *policyv1.PodDisruptionBudget:
			budget = o
		}
	}
	between := services[set.Spec.ServiceName]
	if between == nil || between.Spec.ClusterIP != corev1.ClusterIPNone || !between.Spec.PublishNotReadyAddresses {
		t.Fatalf("the service between the replicas is %+v", between)
	}
	if set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
		t.Errorf("they start as %s", set.Spec.PodManagementPolicy)
	}
	if budget == nil || budget.Spec.MaxUnavailable.IntValue() != 1 || cmp.Diff(budget.Spec.Selector, set.Spec.Selector) != "" {
		t.Errorf("the budget is %+v", budget)
	}
	if spread := set.Spec.Template.Spec.TopologySpreadConstraints; len(spread) == 0 || spread[0].TopologyKey != corev1.LabelHostname || spread[0].WhenUnsatisfiable != corev1.DoNotSchedule {
		t.Errorf("they are spread by %+v", spread)
	}
	container := set.Spec.Template.Spec.Containers[0]
	args := strings.Join(container.Args, " ")
	for i := range *set.Spec.Replicas {
		if peer := fmt.Sprintf("%s-%d.%s:%d", set.Name, i, between.Name, between.Spec.Ports[0].Port); !strings.Contains(args, peer) {
			t.Errorf("%s is no peer", peer)
		}
	}
	if !strings.Contains(args, "--cluster-dir="+container.VolumeMounts[0].MountPath+"/") {
		t.Error("its part of the log is not on its volume")
	}
	for _, file := range regexp.MustCompile(`=(/etc/\S+)/[^/ ]+`).FindAllStringSubmatch(args, -1) {
		if !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == file[1] }) {
			t.Errorf("nothing is mounted at %s", file[1])
		}
	}
}

// The manifests have TLS, or say why not.
func TestKubernetesManifestsSpeakOfTLS(t *testing.T) {
	for _, name := range []string{"kubernetes.yaml", "kubernetes-sidecar.yaml", "kubernetes-cluster.yaml"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !strings.Contains(string(text), "--tls-cert") && !strings.Contains(string(text), "no TLS") {
			t.Errorf("%s says nothing of TLS (%v)", name, err)
		}
	}
}

func checkContainer(t *testing.T, name string, container *corev1.Container, claims []corev1.PersistentVolumeClaim) {
	t.Helper()
	if len(container.VolumeMounts) == 0 || len(claims) != 1 || container.VolumeMounts[0].Name != claims[0].Name {
		t.Errorf("%s: the volume is not that of the claim", name)
	}
	dockerfile, err := os.ReadFile(filepath.Join(folder, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	if path := container.VolumeMounts[0].MountPath; !strings.Contains(string(dockerfile), "PULUMISCALE_STATE_DIR="+path+" ") {
		t.Errorf("%s: the state is not in the volume, which is at %s", name, path)
	}
	if container.LivenessProbe == nil || container.StartupProbe == nil {
		t.Errorf("%s: a probe is missing", name)
	}
	if probe := container.LivenessProbe.HTTPGet; probe != nil && probe.Path != "/healthz" {
		t.Errorf("%s: the liveness probe asks %s: a restart mends no backend", name, probe.Path)
	}
}
