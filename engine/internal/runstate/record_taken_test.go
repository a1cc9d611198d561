package runstate

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// What a live run takes in without decoding it is what a recovery decodes.
func TestTaken(t *testing.T) {
	shown := ShownRecord{Type: "write", Name: "a <name> & more"}
	rounds := Rounds{1, 2}
	for kind, records := range map[string][]any{
		RecordIntent: {
			IntentRecord{},
			IntentRecord{Frame: 3, Step: "steps[2]", Rounds: rounds, ID: "id", ShownRecord: shown, Secret: true, UndoData: 3,
				Arguments: map[string]json.RawMessage{"path": json.RawMessage(`"/etc/x"`)}, Memo: json.RawMessage(`{"path":"\u003c"}`),
				Saved: []SavedFile{{Name: "made", Size: 5, SHA256: "ab"}}, Leases: []string{"/a"},
				Targets: []targetRecord{{Path: "/a", Apart: true, Writable: true, Begins: "/", Mounts: []string{"/"}}},
				Parents: []step.Parent{{Path: "/a", Real: "/b", Identity: openat.Identity{Device: 1, Inode: 2, Born: 3, Kind: 4, Modified: 5}, Links: []string{"/a"}}},
				Before:  []BeforeRecord{{Path: "/a", Kind: fileThere, Modified: time.Unix(5, 7).UTC(), Entries: []string{"b"}}}},
		},
		RecordResult: {
			ResultRecord{},
			ResultRecord{Frame: 3, Step: "steps[2]", Rounds: rounds, ID: "id", ShownRecord: shown,
				Outputs: map[string]json.RawMessage{"changed": json.RawMessage("true")}, Saved: []SavedFile{{Name: "made", Size: 5, SHA256: "ab"}}},
		},
	} {
		for _, record := range records {
			text, err := EncodeRecord(record)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := Taken(kind, record, text)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := DecodeRecord(kind, text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(taken, decoded) {
				t.Errorf("taken is\n%+v\nand decoded\n%+v", taken, decoded)
			}
		}
	}
}
