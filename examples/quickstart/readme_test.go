package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsCodeThatRuns finds every Go snippet of the README in a file of
// the module, line by line.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range []string{"main.go", "../../adapters/stack/stacktest/example_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.WriteString(flat(string(text)))
	}
	blocks := strings.Split(string(readme), "```go\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("%d snippets were found", len(blocks))
	}
	for _, block := range blocks {
		snippet, _, _ := strings.Cut(block, "```")
		if !strings.Contains(code.String(), flat(snippet)) {
			t.Errorf("no file has this snippet:\n%s", snippet)
		}
	}
}

// flat is code without its indentation.
func flat(code string) string {
	lines := strings.Split(strings.TrimSpace(code), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestReadmeShowsThisProgram keeps the README's program and this one the same.
func TestReadmeShowsThisProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- program: examples/quickstart/main.go -->\n```go\n")
	shown, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended || shown != string(program) {
		t.Fatal("README.md shows another program than examples/quickstart/main.go: copy it there")
	}
	if lines := strings.Count(string(program), "\n"); lines > 60 {
		t.Fatalf("the quickstart has %d lines, and promises to stay within 60", lines)
	}
}
