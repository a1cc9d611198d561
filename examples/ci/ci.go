// Package ci holds the files with which a vendor's CI checks recipes; `gwe init` writes the workflow.
package ci

import _ "embed"

// Workflow is a GitHub workflow that validates and tests the recipes in recipes/.
//
//go:embed github-workflow.yaml
var Workflow []byte
