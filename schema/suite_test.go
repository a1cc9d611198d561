package schema

import (
	"os"
	"path/filepath"
	"testing"
)

// TestShippedSuites: the tests of the shipped recipes are read without a word.
func TestShippedSuites(t *testing.T) {
	files, err := filepath.Glob("../recipes/*.test.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("only %d files of tests, %v", len(files), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite, diagnostics := ParseSuite(file, source)
		if len(diagnostics) > 0 {
			t.Errorf("%s: %v", file, diagnostics)
		}
		if len(suite.Cases) == 0 {
			t.Errorf("%s: no cases", file)
		}
	}
}

// FuzzSuite: whatever the bytes, a file of tests is read or refused, and every problem has its place.
func FuzzSuite(f *testing.F) {
	files, err := filepath.Glob("../recipes/*.test.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	f.Add([]byte("gwe-test: 1\ncases: [{name: a, fixture: {/a: {mode: 0644, link: /b}}, kill-at: every, expect: {tree: as before}}]\n"))
	f.Add([]byte("gwe-test: 1\ncases: [{name: a, inputs: {a: [1, {b: 2}]}, stand-ins: {x: {prints: [1], exit: -1}}, setup: [x]}]\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		suite, diagnostics := ParseSuite("fuzz.test.yaml", source)
		if suite == nil && !diagnostics.HasErrors() {
			t.Fatal("refused without a word")
		}
		for _, one := range diagnostics {
			if one.Line < 1 || one.Column < 1 || one.Message == "" || one.Rule == "" {
				t.Fatalf("a problem without a place or a message: %+v", one)
			}
		}
		if diagnostics.HasErrors() {
			return
		}
		for _, one := range suite.Cases {
			for _, input := range append(one.Inputs, suite.Inputs...) {
				Decode(input.Value)
			}
			for _, placed := range one.Fixture {
				if placed.Kind == "" || placed.Path.Text == "" {
					t.Fatalf("a path of no kind: %+v", placed)
				}
			}
		}
	})
}
