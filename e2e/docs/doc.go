// Package docs holds the documentation and the examples against what they speak of. It has tests only.
//
// Every fenced block of README.md and docs/ is run, checked or an illustration, and a test demands that each says
// which:
//
//   - an HTML comment, <!-- test: NAME -->, names shell blocks, quoted output and configuration. By that name a script
//     of package e2e runs or compares them on the real engine. <!-- not run: WHY --> is for those that cannot be run;
//   - TypeScript, and resources in YAML, are type-checked with the real SDKs. Go is compiled. Of Python only the syntax
//     is checked. What is marked <!-- rules: NAME --> is also run, on mocks, and its stack output is held against the
//     JSON schema of the rules. Blocks of one name must export the same;
//   - YAML on README.md and docs/rules.md is read as rules by the tests of package scale.
//
// The examples are type-checked, run and held against the schema likewise. `make examples` installs the SDKs and runs
// it all.
package docs
