package recipes

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Read gives the source of a shipped recipe by its name, "ota".
func Read(name string) ([]byte, error) { return files.ReadFile(name + ".yaml") }

// Names lists the shipped recipes.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // an embedded directory can always be read
	}
	var names []string
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), ".yaml"); !strings.HasSuffix(name, ".test") {
			names = append(names, name)
		}
	}
	return names
}
