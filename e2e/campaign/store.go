package main

import "github.com/pulumiscale/pulumiscale/e2e/backend"

// The keys of what a backend holds of a stack.
func stateKey(project string) string { return ".pulumi/stacks/" + project + "/" + stackName + ".json" }
func historyPrefix(project string) string {
	return ".pulumi/history/" + project + "/" + stackName + "/"
}
func lockPrefix() string { return backend.LockPrefix(projectName, stackName) }

// holds says whether there is an object.
func holds(s backend.Objects, key string) bool {
	_, err := s.Read(key)
	return err == nil
}

// ourName is what a database calls the connection of the campaign's own, which outages leave alone.
const ourName = "campaign"
