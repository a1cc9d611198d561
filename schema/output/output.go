package output

import "embed"

//go:embed *.schema.json
var files embed.FS

// Schema is the JSON Schema (draft 2020-12) of what one command prints with --output json.
type Schema struct {
	// Name is the flag of `gwe schema`, and the name of the file before .schema.json.
	Name string
	// About says in a few words what it describes.
	About string
}

// Schemas lists them all.
func Schemas() []Schema {
	return []Schema{
		{"status", "what gwe status prints"},
		{"runs", "what gwe runs prints"},
		{"show", "what gwe show prints"},
		{"log", "one line of what gwe log, run, recover, rollback and confirm print"},
		{"resolve", "what gwe resolve prints"},
		{"cancel", "what gwe cancel prints"},
	}
}

// Text is the schema as `gwe schema` prints it.
func (s Schema) Text() ([]byte, error) { return files.ReadFile(s.Name + ".schema.json") }
