package runstate

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestRecordsThatCannotFollow: a journal that contradicts itself is refused at the record that does.
func TestRecordsThatCannotFollow(t *testing.T) {
	type record struct{ kind, data string }
	begin := record{RecordBegin, `{"run":"r"}`}
	intent := record{RecordIntent, `{"frame":1,"step":"steps[0]","type":"write","memo":null}`}
	committed := record{RecordCommitted, `{}`}
	unwind := record{RecordUnwind, `{"error":{"class":"failed","code":"c","message":"m"}}`}
	end := record{RecordEnd, `{"status":"done"}`}
	suspended := record{RecordSuspended, `{"step":"steps[1]","cause":"confirm"}`}
	for name, one := range map[string]struct {
		records []record
		refused string // the reason, of the last record; "" if all are right
	}{
		"a run":                       {[]record{begin, intent, {RecordResult, `{"frame":1,"step":"steps[0]"}`}, committed, end}, ""},
		"a rollback by hand":          {[]record{begin, intent, committed, end, {RecordRollback, `{}`}, {RecordUndone, `{"frame":1}`}, end}, ""},
		"released after the end":      {[]record{begin, intent, committed, end, {RecordReleasing, `{}`}, {RecordReleased, `{}`}}, ""},
		"a wait":                      {[]record{begin, suspended, {RecordWaited, `{}`}, {RecordConfirmed, `{}`}, {RecordResumed, `{}`}, end}, ""},
		"programs that clean up":      {[]record{begin, intent, committed, end, {RecordProcess, `{"place":"1"}`}, {RecordCleaned, `{"frame":1}`}}, ""},
		"undo without a begin":        {[]record{{RecordUndone, `{"frame":1}`}}, "has not begun"},
		"two beginnings":              {[]record{begin, begin}, "has begun before"},
		"two frames of a number":      {[]record{begin, intent, intent}, "two frames 1"},
		"a result of no frame":        {[]record{begin, {RecordResult, `{"frame":2,"step":"steps[0]"}`}}, "no frame 2"},
		"an undo of no frame":         {[]record{begin, {RecordUndone, `{"frame":2}`}}, "no frame 2"},
		"part of an undo, no frame":   {[]record{begin, {RecordButLast, `{"frame":2}`}}, "no frame 2"},
		"a deferred undo, no frame":   {[]record{begin, {RecordPutOff, `{"frame":2}`}}, "no frame 2"},
		"cleaned, no frame":           {[]record{begin, end, {RecordCleaned, `{"frame":2}`}}, "no frame 2"},
		"two commits":                 {[]record{begin, committed, committed}, "has committed"},
		"a commit of what was undone": {[]record{begin, unwind, committed}, "turned back"},
		"a step of what was undone":   {[]record{begin, unwind, intent}, "turned back"},
		"a group of what was undone":  {[]record{begin, unwind, {RecordEntered, `{"frame":1,"step":"steps[0]","part":"undo"}`}}, "turned back"},
		"a step after the end":        {[]record{begin, end, intent}, "has ended"},
		"two ends":                    {[]record{begin, end, end}, "has ended"},
		"a rollback of no commit":     {[]record{begin, end, {RecordRollback, `{}`}}, "has not committed"},
		"a wait that is over":         {[]record{begin, suspended, {RecordResumed, `{}`}, {RecordWaited, `{}`}}, "not suspended"},
		"a confirmation of no wait":   {[]record{begin, {RecordConfirmed, `{}`}}, "not suspended"},
		"a cancellation of no wait":   {[]record{begin, suspended, unwind, {RecordCancelled, `{}`}}, "not suspended"},
		"a record of another form":    {[]record{begin, {RecordIntent, `{"frame":"1"}`}}, "frame"},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewRecorded()
			for i, r := range one.records {
				err := h.apply(r.kind, json.RawMessage(r.data))
				last := i == len(one.records)-1
				switch {
				case err == nil && last && one.refused != "":
					t.Errorf("accepted; want an error with %q", one.refused)
				case err != nil && (!last || one.refused == "" || !strings.Contains(err.Error(), one.refused)):
					t.Errorf("record %d (%s): %v; want %q at the last one", i, r.kind, err, one.refused)
				}
			}
		})
	}
}
