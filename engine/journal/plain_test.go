package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A line is read alike in both ways; what is not as encode writes it is left to the decoder.
func TestPlainLines(t *testing.T) {
	content, err := os.ReadFile(sample(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	odd, _, err := start().encode(t0, "odd", map[string]any{"text": "\",\"synced\":1,\"previous\":\"\\ <&> \n", "kind": []any{nil, 1.5}})
	if err != nil {
		t.Fatal(err)
	}
	for text := range bytes.Lines(append(bytes.TrimRight(content, "\x00"), odd...)) {
		sealed := text[:len(text)-tailLength]
		got, ok := plain(sealed)
		var want line
		if err := json.Unmarshal(append(bytes.Clone(sealed), '}'), &want); err != nil || !ok {
			t.Fatalf("%s: %v, %v", text, ok, err)
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Errorf("%s: %s", text, difference)
		}
	}
	for _, change := range [][2]string{
		{`{"number":1`, `{ "number":1`}, {`"number":1`, `"number":01`}, {`"number":1`, `"number":-1`}, {`"time":"2`, `"time":"x`}, {`"kind":"odd"`, `"kind":"o\u0064d"`},
		{`"kind"`, `"kind2"`}, {`"data":{`, `"data":{{`}, {`"data":{`, `"data":{}, "more":{`}, {`"synced":0`, `"synced":""`}, {`"previous":"0`, `"previous":""`}, {`,"synced"`, `,"other":2,"synced"`},
	} {
		sealed := bytes.Replace(odd[:len(odd)-tailLength], []byte(change[0]), []byte(change[1]), 1)
		if got, ok := plain(sealed); ok {
			t.Errorf("%s is taken for %+v", sealed, got)
		}
	}
}

// BenchmarkRead is what each old run costs `gwe status` and `gwe recover`.
func BenchmarkRead(b *testing.B) {
	path := sample(b, 30)
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
