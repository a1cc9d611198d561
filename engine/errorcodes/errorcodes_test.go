package errorcodes_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/errorcodes"
	"github.com/gwe-project/gwe/engine/need"
)

var update = flag.Bool("update", false, "write codes.json anew")

// TestCodesAreOfTheSource: the list has just the codes that the program can give, with what it says.
func TestCodesAreOfTheSource(t *testing.T) {
	if testing.Short() {
		need.Missing(t, need.Time, "it reads the whole program, which takes seconds")
	}
	source := read(t)
	found := source.codes(t)
	if len(found) < 200 {
		t.Fatalf("only %d codes were found", len(found))
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(found); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("codes.json", text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if difference := cmp.Diff(found, errorcodes.All()); difference != "" {
		t.Errorf("codes.json is not as the source (go test ./engine/errorcodes -update writes it anew):\n%s", difference)
	}
}

func TestFind(t *testing.T) {
	if one, ok := errorcodes.Find("hook-missing"); !ok || len(one.Cases) == 0 || one.Cases[0].Class != "failed" {
		t.Errorf("%+v", one)
	}
	if _, ok := errorcodes.Find("no-such-code"); ok {
		t.Error("a code that is not there is found")
	}
	if codes := errorcodes.Of("hook"); len(codes) < 4 {
		t.Errorf("hook gives %v", codes)
	}
}

// TestEarlierNames: codes that were renamed are found by the names that old logs have.
func TestEarlierNames(t *testing.T) {
	for old, now := range map[string]string{
		"write-no-folder": "write-no-directory", "chmod-closes-folders": "chmod-closes-directories", "cancel-put-back": "cancel-rolled-back",
	} {
		if found, ok := errorcodes.Find(old); !ok || found.Code != now {
			t.Errorf("%s: %+v, want %s", old, found, now)
		}
	}
}
