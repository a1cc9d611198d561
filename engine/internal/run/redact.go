package run

import (
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// withoutSecrets is the error for those who started the run. It stays as it is unless a secret shows in it.
func (x *Runner) withoutSecrets(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if f := fault.As(err); f != nil {
		text += f.Hint
	}
	if x.Mask.Text(text) == text {
		return err
	}
	return x.RecordOf(err).Err()
}

// RecordOf is the journal's form of an error, without secrets.
func (x *Runner) RecordOf(err error) runstate.ErrorRecord { return runstate.Redacted(err, x.Mask) }

// concealed is outputs without secrets: a program may have printed one.
func (x *Runner) concealed(outputs map[string]any) map[string]any {
	return x.conceal(outputs).(map[string]any)
}

func (x *Runner) conceal(v any) any {
	switch v := v.(type) {
	case string:
		return x.Mask.Text(v)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = x.conceal(item)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, member := range v {
			members[x.Mask.Text(name)] = x.conceal(member)
		}
		return members
	}
	return v
}
