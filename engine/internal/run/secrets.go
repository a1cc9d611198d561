package run

import (
	"encoding/json"
	"os"
	"sync"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// secrets are those of a run: its secret inputs, those of the recipes that it uses, and what expressions and
// steps computed from them. It implements step.Secrets.
type secrets struct {
	mask      *tasklog.Mask
	directory runstate.RunDirectory
	// kept is true where this process works on the run: what is computed is kept beside the secrets, for the
	// process that may finish it.
	kept  bool
	mutex sync.Mutex
}

// newSecrets knows what earlier processes of the run computed.
func newSecrets(directory runstate.RunDirectory) *secrets {
	s := &secrets{mask: tasklog.NewMask(nil), directory: directory}
	s.mask.Add(directory.ComputedSecrets()...)
	return s
}

// watch masks the secrets in a value, and returns it with secrets that tell what is computed from them.
func (s *secrets) watch(inputs map[string]any) map[string]any {
	found := program.SecretsIn(inputs)
	if len(found) > 0 {
		_ = process.NoDump() // no kernel that gwe runs on refuses it
	}
	s.mask.Add(found...)
	return s.watched(inputs).(map[string]any)
}

func (s *secrets) watched(v any) any {
	switch v := v.(type) {
	case value.Secret:
		return v.Watched(s.Computed)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = s.watched(item)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, member := range v {
			members[name] = s.watched(member)
		}
		return members
	}
	return v
}

// Holds reports whether a secret stands in a text.
func (s *secrets) Holds(text string) bool { return s.mask.Holds(text) }

// Computed masks a text that was made of a secret from now on, and keeps it for a later process.
func (s *secrets) Computed(text string) {
	if s.mask.AddComputed(text) && s.kept {
		s.keep(text)
	}
}

// keep writes a computed text to the directory of the secrets. Where that fails, a later process masks what
// it computes itself.
func (s *secrets) keep(text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	line, err := json.Marshal([]byte(text)) // base64, since a text need not be UTF-8
	if err != nil {
		return
	}
	file, err := regular.Open(s.directory.Secret(runstate.ComputedName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return // the secrets are gone: nothing of the run needs them any more
	}
	_, _ = file.Write(append(line, '\n'))
	_ = file.Close()
}
