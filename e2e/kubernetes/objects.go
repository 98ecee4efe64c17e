package kubernetes

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
)

// kubeconfig is filled in with the address, the certificate's file, the token and the namespace.
const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://%s", certificate-authority: %q}}]
users: [{name: admin, user: {token: %q}}]
contexts: [{name: local, context: {cluster: local, user: admin, namespace: %q}}]
current-context: local
`

// node is filled in with its name, twice, and with how many pods it takes, twice.
const node = `{
	"apiVersion": "v1", "kind": "Node", "metadata": {"name": %q, "labels": {"kubernetes.io/hostname": %q}},
	"status": {
		"allocatable": {"cpu": "32", "memory": "64Gi", "pods": "%d"},
		"capacity": {"cpu": "32", "memory": "64Gi", "pods": "%d"}
	}
}`

// writeKey makes a key, by which the API server signs tokens of service accounts.
func writeKey(file string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return os.WriteFile(file, text, 0o600)
}
