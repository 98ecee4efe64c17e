package packaging

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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
			"apps/v1 StatefulSet": &appsv1.StatefulSet{},
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

// What docs/operations.md says of Kubernetes holds: one replica, a fixed name and a volume for the state, time to stop,
// and no rights.
func TestKubernetesManifests(t *testing.T) {
	for _, name := range []string{"kubernetes.yaml", "kubernetes-sidecar.yaml"} {
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
		if *set.Spec.Replicas != 1 || *pod.Spec.TerminationGracePeriodSeconds < 600 {
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

// The manifests have TLS, or say why not.
func TestKubernetesManifestsSpeakOfTLS(t *testing.T) {
	for _, name := range []string{"kubernetes.yaml", "kubernetes-sidecar.yaml"} {
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
