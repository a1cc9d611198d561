package runstate

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
)

// ComputedName is not the name of an input.
const ComputedName = "computed.jsonl"

// ComputedSecrets are the texts that the run computed from its secrets so far. A line that a crash cut off is
// left out.
func (r RunDirectory) ComputedSecrets() []string {
	text, err := regular.Read(r.Secret(ComputedName))
	if err != nil {
		return nil
	}
	var all []string
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		var one []byte
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			all = append(all, string(one))
		}
	}
	return all
}

// NotUnderstood is the error of a record that does not fit in with those before it.
func NotUnderstood(directory RunDirectory, record journal.Record, err error) error {
	return fault.New(fault.Errored, "journal-unreadable", "record %d (%s) of %s cannot be understood",
		record.Number, record.Kind, directory.Journal()).WithCause(err)
}

// ReadSecret reads the value of a secret input. A gwe from before undo data had digests wrote it without one.
func ReadSecret(path string) ([]byte, error) {
	sealed, err := durable.ReadSealed(path)
	if err == nil {
		if sealed == nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return sealed, nil
	}
	plain, unread := regular.Read(path)
	if unread == nil && json.Valid(plain) {
		return plain, nil
	}
	return nil, err
}

// SecretTexts are the values of the run's secret inputs, and what was computed from them, as far as they are
// kept.
func (r RunDirectory) SecretTexts() []string {
	entries, _ := os.ReadDir(filepath.Join(string(r), "secrets"))
	texts := r.ComputedSecrets()
	for _, entry := range entries {
		text, err := ReadSecret(r.Secret(entry.Name()))
		var v any
		if entry.Name() == ComputedName || err != nil || json.Unmarshal(text, &v) != nil {
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
