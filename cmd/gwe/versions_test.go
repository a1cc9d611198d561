package main

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/plugin"
)

// TestVersions: docs/versions.md names the formats of today.
func TestVersions(t *testing.T) {
	text, err := os.ReadFile("../../docs/versions.md")
	if err != nil {
		t.Fatal(err)
	}
	for contract, version := range map[string]int{
		"language \\(`gwe:` in a recipe\\)": 1, "journal format": journal.Format, "plugin protocol": plugin.Protocol,
	} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| %s \| %d \|`, contract, version)).Match(text) {
			t.Errorf("docs/versions.md does not say that version %d of the %s is that of today", version, contract)
		}
	}
}
