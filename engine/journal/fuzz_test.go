package journal

import (
	"bytes"
	"os"
	"testing"
)

// Whatever the bytes, reading does not panic, and what it gives is a prefix that reads as the same records
// again; after it is nothing that contradicts it.
func FuzzRead(f *testing.F) {
	whole, err := os.ReadFile(sample(f, 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add(append(bytes.Clone(whole), 0, 0, 0, 0))
	f.Add(bytes.Replace(whole, []byte("intent"), []byte("intend"), 1))
	f.Add([]byte(`{"number":1,"kind":"journal","data":{"format":3}}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		records, last, length, err := parse("journal", content)
		if err != nil {
			if len(records) != 0 || code(err) == "" {
				t.Fatalf("%d records with error %v", len(records), err)
			}
			return
		}
		if len(records) == 0 || last.number != len(records) || length > len(content) {
			t.Fatalf("%d records, chain at %d, %d of %d bytes", len(records), last.number, length, len(content))
		}
		again, same, sameLength, err := parse("journal", content[:length])
		if err != nil || same != last || sameLength != length || len(again) != len(records) {
			t.Fatalf("the prefix alone: %d records, %v", len(again), err)
		}
		if number, found := contradiction(content[length:], last.number+1); found {
			t.Fatalf("record %d was passed over", number)
		}
	})
}
