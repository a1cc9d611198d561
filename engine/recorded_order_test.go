package engine

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestRecordsThatCannotFollow: a journal that contradicts itself is refused at the record that does.
func TestRecordsThatCannotFollow(t *testing.T) {
	type record struct{ kind, data string }
	begin := record{recordBegin, `{"run":"r"}`}
	intent := record{recordIntent, `{"frame":1,"step":"steps[0]","type":"write","memo":null}`}
	committed := record{recordCommitted, `{}`}
	unwind := record{recordUnwind, `{"error":{"class":"failed","code":"c","message":"m"}}`}
	end := record{recordEnd, `{"status":"done"}`}
	suspended := record{recordSuspended, `{"step":"steps[1]","cause":"confirm"}`}
	for name, one := range map[string]struct {
		records []record
		refused string // the reason, of the last record; "" if all are right
	}{
		"a run":                       {[]record{begin, intent, {recordResult, `{"frame":1,"step":"steps[0]"}`}, committed, end}, ""},
		"a rollback by hand":          {[]record{begin, intent, committed, end, {recordRollback, `{}`}, {recordUndone, `{"frame":1}`}, end}, ""},
		"released after the end":      {[]record{begin, intent, committed, end, {recordReleasing, `{}`}, {recordReleased, `{}`}}, ""},
		"a wait":                      {[]record{begin, suspended, {recordWaited, `{}`}, {recordConfirmed, `{}`}, {recordResumed, `{}`}, end}, ""},
		"undo without a begin":        {[]record{{recordUndone, `{"frame":1}`}}, "has not begun"},
		"two beginnings":              {[]record{begin, begin}, "has begun before"},
		"two frames of a number":      {[]record{begin, intent, intent}, "two frames 1"},
		"a result of no frame":        {[]record{begin, {recordResult, `{"frame":2,"step":"steps[0]"}`}}, "no frame 2"},
		"an undo of no frame":         {[]record{begin, {recordUndone, `{"frame":2}`}}, "no frame 2"},
		"part of an undo, no frame":   {[]record{begin, {recordButLast, `{"frame":2}`}}, "no frame 2"},
		"a deferred undo, no frame":   {[]record{begin, {recordPutOff, `{"frame":2}`}}, "no frame 2"},
		"cleaned, no frame":           {[]record{begin, end, {recordCleaned, `{"frame":2}`}}, "no frame 2"},
		"two commits":                 {[]record{begin, committed, committed}, "has committed"},
		"a commit of what was undone": {[]record{begin, unwind, committed}, "turned back"},
		"a step of what was undone":   {[]record{begin, unwind, intent}, "turned back"},
		"a group of what was undone":  {[]record{begin, unwind, {recordEntered, `{"frame":1,"step":"steps[0]","part":"undo"}`}}, "turned back"},
		"a step after the end":        {[]record{begin, end, intent}, "has ended"},
		"two ends":                    {[]record{begin, end, end}, "has ended"},
		"a rollback of no commit":     {[]record{begin, end, {recordRollback, `{}`}}, "has not committed"},
		"a wait that is over":         {[]record{begin, suspended, {recordResumed, `{}`}, {recordWaited, `{}`}}, "not suspended"},
		"a confirmation of no wait":   {[]record{begin, {recordConfirmed, `{}`}}, "not suspended"},
		"a cancellation of no wait":   {[]record{begin, suspended, unwind, {recordCancelled, `{}`}}, "not suspended"},
		"a record of another form":    {[]record{begin, {recordIntent, `{"frame":"1"}`}}, "frame"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRecorded()
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
