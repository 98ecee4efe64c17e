// Package packaging holds what is in packaging/, and the archives and packages that goreleaser makes, against those who
// read them: Kubernetes's own types, systemd, promtool, dpkg and Pulumi. It has tests only.
//
// `make packages` builds the archives and the packages, for this machine's platform and without the network, and has
// them tested.
package packaging
