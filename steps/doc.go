// Package steps lists the step types that gwe ships. It may import every package below it, and nothing
// imports it but commands and tests. A vendor's own binary appends to the list.
package steps
