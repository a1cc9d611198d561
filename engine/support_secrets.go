package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// secretTexts are the values of the run's secret inputs, and what was computed from them, as far as they are kept.
func (r runFolder) secretTexts() []string {
	entries, _ := os.ReadDir(filepath.Join(string(r), "secrets"))
	texts := r.computedSecrets()
	for _, entry := range entries {
		text, err := readSecret(r.secret(entry.Name()))
		var v any
		if entry.Name() == computedName || err != nil || json.Unmarshal(text, &v) != nil {
			continue
		}
		texts = append(texts, stringsIn(v)...)
	}
	return texts
}

func stringsIn(v any) []string {
	var found []string
	switch v := v.(type) {
	case string:
		found = append(found, v)
	case []any:
		for _, item := range v {
			found = append(found, stringsIn(item)...)
		}
	case map[string]any:
		for _, member := range v {
			found = append(found, stringsIn(member)...)
		}
	}
	return found
}
