package runstate

import (
	"strings"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// Redacted is the journal's form of an error, without the secrets of a mask.
func Redacted(err error, mask *tasklog.Mask) ErrorRecord {
	record := RecordOf(err)
	record.Message, record.Hint = shortened(mask.Text(record.Message)), shortened(mask.Text(record.Hint))
	if record.Where != nil {
		where := RedactedName(*record.Where, mask)
		record.Where = &where
	}
	return record
}

// RedactedName is a step's name without the secrets of a mask.
func RedactedName(s StepName, mask *tasklog.Mask) StepName {
	s.Name, s.Item = mask.Text(s.Name), mask.Text(s.Item)
	within := make([]string, len(s.Within))
	for i := range within {
		within[i] = mask.Text(s.Within[i])
	}
	if s.Within = nil; len(within) > 0 {
		s.Within = within
	}
	return s
}

// shortened bounds what an error takes of the space that is reserved for the way back. The log has all of it.
func shortened(text string) string {
	const most = 1 << 10
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}
