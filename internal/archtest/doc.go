// Package archtest holds the architecture of the suite as a test: who may import
// whom, what no package may do, and what every package must have. Nothing
// imports it; it runs with `go test ./...`, and a rule that fails names the file
// and what to change.
//
// A rule is a sentence, a check over the module's source and one saboteur or
// more: small trees that break the rule on purpose, so that a check which has
// stopped looking fails too. The rules stand in tables, a file for each group:
//
//   - imports_test.go: who may import whom
//   - conduct_test.go: what code may not do (state, environment, clock, network)
//   - shape_test.go: folders, names, sizes, signatures
//   - docs_test.go: comments and examples
//   - modules_test.go: go.mod, version floors, and what each package links
//   - words_test.go: words that have no place here
//
// After a change of dependencies that is meant,
//
//	go test ./internal/archtest -update
//
// rewrites dependencies.txt, whose difference the reviewer reads.
package archtest
