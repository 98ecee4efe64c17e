// Package fakecloud is a fake of Pulumi Cloud. It is an HTTP server on the loopback interface. It speaks as much of the
// service's protocol as the real Pulumi CLI needs to log in, make a stack, update it and read it back, and it can be
// told to fail as the service does.
//
// It is shaped by the service's client in the engine's module (github.com/pulumi/pulumi/pkg/v3 v3.250.0,
// backend/httpstate), which says what is asked and what an answer may hold. Words of the service that the client only
// passes on are taken from reports in the engine's issues, if those have them. The fake proves how the CLI and
// PulumiScale take such answers. It does not prove that the service gives them.
//
// It keeps everything in memory and advertises no capability, and its secrets are only encoded. It must not be used for
// anything but tests.
package fakecloud
