// Package kubernetes starts a cluster of Kubernetes on loopback: a real etcd, API server, controller manager and
// scheduler. Its nodes are kwok's: no container runs, and what the scheduler has put on a node is soon running and
// ready. Whatever starts pods, counts them and waits for them is real.
package kubernetes

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Programs are what a cluster and its tests need, by their names in the folder of the tools.
func Programs() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl", "pulumi-resource-kubernetes"}
}

// Cluster is a running cluster. Its files are in a folder, which the caller removes after [Cluster.Stop].
type Cluster struct {
	dir, tools string
	// address is where the API server listens, and token is that of its administrator.
	address, token string
	// processes run, in the order in which they were started.
	processes []*process
}

const (
	// startTimeout is how long each part may take until it is ready.
	startTimeout = 2 * time.Minute
	// nodes is how many nodes there are, and podsOfNode how many pods each of them takes.
	nodes, podsOfNode = 2, 110
)

// Start starts a cluster whose files are in a folder, which must be empty. tools is the folder of its programs. The
// processes end with [Cluster.Stop], and on Linux with the process that has started them, however that ends.
func Start(ctx context.Context, dir, tools string) (*Cluster, error) {
	c := &Cluster{dir: dir, tools: tools, token: random()}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	addresses, err := freeAddresses(3)
	if err != nil {
		return err
	}
	c.address = addresses[0]
	if err := c.startStore(addresses[1], addresses[2]); err != nil {
		return err
	}
	if err := c.startAPI(addresses[1]); err != nil {
		return err
	}
	if err := c.until(ctx, "the API server", func() error { return c.get(ctx, "/readyz") }); err != nil {
		return err
	}
	if err := c.WriteKubeconfig(c.kubeconfig(), "default"); err != nil {
		return err
	}
	if err := c.startControllers(); err != nil {
		return err
	}
	if err := c.startNodes(ctx); err != nil {
		return err
	}
	// The namespace of whoever names none is made by the API server, a moment after it is ready.
	return c.until(ctx, "the namespace default", func() error { return c.get(ctx, "/api/v1/namespaces/default") })
}

// startStore starts etcd.
func (c *Cluster) startStore(client, peer string) error {
	// No test cuts the power, so nothing need be synced.
	return c.run("etcd", "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=http://"+client, "--advertise-client-urls=http://"+client,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)
}

// startAPI starts the API server. It makes itself a certificate. Pods get no tokens: nothing runs in them.
func (c *Cluster) startAPI(store string) error {
	host, port, err := net.SplitHostPort(c.address)
	if err != nil {
		return err
	}
	tokens, key := filepath.Join(c.dir, "tokens.csv"), filepath.Join(c.dir, "accounts.key")
	if err := os.WriteFile(tokens, []byte(c.token+",admin,1,system:masters\n"), 0o600); err != nil {
		return err
	}
	if err := writeKey(key); err != nil {
		return err
	}
	return c.run("kube-apiserver", "--etcd-servers=http://"+store, "--bind-address="+host, "--advertise-address="+host, "--secure-port="+port,
		"--cert-dir="+c.certificates(), "--token-auth-file="+tokens, "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none")
}

// startControllers starts what makes pods of Deployments, and what gives them nodes. There are no metrics of pods, so an
// autoscaler only holds its bounds, which it looks at each second.
func (c *Cluster) startControllers() error {
	controllers := []string{
		"deployment-controller", "replicaset-controller", "garbage-collector-controller", "namespace-controller", "node-lifecycle-controller",
		"resourcequota-controller", "horizontal-pod-autoscaler-controller",
	}
	err := c.run("kube-controller-manager", "--kubeconfig="+c.kubeconfig(), "--leader-elect=false", "--secure-port=0",
		"--controllers="+strings.Join(controllers, ","), "--horizontal-pod-autoscaler-sync-period=1s")
	if err != nil {
		return err
	}
	return c.run("kube-scheduler", "--kubeconfig="+c.kubeconfig(), "--leader-elect=false", "--secure-port=0")
}

// startNodes starts kwok, and makes the nodes that it is to play.
func (c *Cluster) startNodes(ctx context.Context) error {
	stages, err := filepath.Glob(filepath.Join(c.tools, "stages", "*.yaml"))
	if err != nil {
		return err
	}
	err = c.run("kwok", "--kubeconfig="+c.kubeconfig(), "--manage-all-nodes=true", "--node-ip=127.0.0.1", "--node-port=0", "--cidr=10.244.0.0/16",
		"--node-lease-duration-seconds=40", "--config="+strings.Join(stages, ","))
	if err != nil {
		return err
	}
	for i := range nodes {
		name := fmt.Sprintf("node-%d", i+1)
		if err := c.post(ctx, "/api/v1/nodes", fmt.Sprintf(node, name, name, podsOfNode, podsOfNode)); err != nil {
			return err
		}
		if err := c.until(ctx, name, func() error { return c.nodeReady(ctx, name) }); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the processes, the last one first, so that the store outlives those who write to it.
func (c *Cluster) Stop() error {
	var errs []error
	for _, p := range slices.Backward(c.processes) {
		errs = append(errs, p.stop())
	}
	c.processes = nil
	return errors.Join(errs...)
}

func (c *Cluster) kubeconfig() string   { return filepath.Join(c.dir, "kubeconfig") }
func (c *Cluster) certificates() string { return filepath.Join(c.dir, "certificates") }

// WriteKubeconfig writes a file by which one is the cluster's administrator. A namespace is that of what names none.
func (c *Cluster) WriteKubeconfig(file, namespace string) error {
	text := fmt.Sprintf(kubeconfig, c.address, filepath.Join(c.certificates(), "apiserver.crt"), c.token, namespace)
	return os.WriteFile(file, []byte(text), 0o600)
}

// NewNamespace makes a namespace.
func (c *Cluster) NewNamespace(ctx context.Context, name string) error {
	return c.post(ctx, "/api/v1/namespaces", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q}}`, name))
}

// run starts one of the cluster's programs.
func (c *Cluster) run(name string, args ...string) error {
	p, err := start(filepath.Join(c.tools, name), filepath.Join(c.dir, name+".log"), args)
	if err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	return nil
}

// until waits until a part of the cluster is ready, as long as no process has ended.
func (c *Cluster) until(ctx context.Context, part string, ready func() error) error {
	for deadline := time.Now().Add(startTimeout); ; {
		err := ready()
		if err == nil {
			return nil
		}
		for _, p := range c.processes {
			if p.hasEnded() {
				return fmt.Errorf("%s has ended:\n%s", p.name, p.tail())
			}
		}
		if time.Now().After(deadline) {
			newest := c.processes[len(c.processes)-1]
			return fmt.Errorf("%s is not ready after %s: %w\n%s", part, startTimeout, err, newest.tail())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get asks the API server for something, which must be there.
func (c *Cluster) get(ctx context.Context, path string) error {
	_, err := c.ask(ctx, http.MethodGet, path, "")
	return err
}

// post makes an object.
func (c *Cluster) post(ctx context.Context, path, object string) error {
	_, err := c.ask(ctx, http.MethodPost, path, object)
	return err
}

// nodeReady says whether kwok has taken a node over.
func (c *Cluster) nodeReady(ctx context.Context, name string) error {
	text, err := c.ask(ctx, http.MethodGet, "/api/v1/nodes/"+name, "")
	if err == nil && !strings.Contains(text, `"reason":"KubeletReady"`) {
		return errors.New("kwok has not taken it over")
	}
	return err
}

// ask sends the API server a request and returns the answer, which must be a good one.
func (c *Cluster) ask(ctx context.Context, method, path, body string) (string, error) {
	certificate, err := os.ReadFile(filepath.Join(c.certificates(), "apiserver.crt"))
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, "https://"+c.address+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return string(text), nil
}

// freeAddresses are addresses of the loopback interface at which nobody listens, all different.
func freeAddresses(count int) ([]string, error) {
	var listeners []net.Listener
	var out []string
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for range count {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners, out = append(listeners, l), append(out, l.Addr().String())
	}
	return out, nil
}

func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
