package journal

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// TestSalvage: one flipped bit costs one record, and what is left says whether the last one is there.
func TestSalvage(t *testing.T) {
	path := sample(t, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	flipped := func(line int) []byte {
		text := bytes.Clone(whole)
		text[len(bytes.Join(lines[:line], nil))+20] ^= 1
		return text
	}
	for name, test := range map[string]struct {
		text    []byte
		numbers []int
		toEnd   bool
	}{
		"whole":              {whole, []int{1, 2, 3, 4}, true},
		"a bit in the first": {flipped(0), []int{2, 3, 4}, true},
		"a bit in the third": {flipped(2), []int{1, 2, 4}, true},
		"a bit in the last":  {flipped(3), []int{1, 2, 3, 4}, true},
		"a bit of its end":   {append(bytes.Clone(whole[:len(whole)-1]), '\n'^4, 0, 0), []int{1, 2, 3, 4}, true},
		"two bits in it":     {bytes.Replace(flipped(3), []byte("steps[2]"), []byte("steps[3]"), 1), []int{1, 2, 3}, false},
		"NULs before it":     {append(make([]byte, len(lines[0])), whole[len(lines[0]):]...), []int{2, 3, 4}, true},
		"NULs at the end":    {append(bytes.Clone(whole), make([]byte, 4096)...), []int{1, 2, 3, 4}, true},
		"a torn line behind": {append(bytes.Clone(whole), `{"number":5,`...), []int{1, 2, 3, 4}, false},
		"an older one again": {append(bytes.Clone(whole), lines[1]...), []int{1, 2, 3, 4}, false},
		"a newline lost":     {bytes.Join([][]byte{lines[0], lines[1][:len(lines[1])-1], lines[2], lines[3]}, nil), []int{1, 3, 4}, true},
		"nothing":            {nil, nil, false},
		"NULs alone":         {make([]byte, 512), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, test.text, 0o600); err != nil {
				t.Fatal(err)
			}
			found, err := Salvage(path)
			if err != nil {
				t.Fatal(err)
			}
			var numbers []int
			for _, record := range found.Records {
				numbers = append(numbers, record.Number)
			}
			if !slices.Equal(numbers, test.numbers) || found.ToEnd != test.toEnd {
				t.Errorf("got %v, to the end: %v", numbers, found.ToEnd)
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(now, test.text) {
				t.Error("the journal was changed")
			}
		})
	}
}
