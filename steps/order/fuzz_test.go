package order

import "testing"

// FuzzParse reads anything as a file of the record. What it takes is written as it was read.
func FuzzParse(f *testing.F) {
	f.Add("1 installed \"app-1\"\n")
	f.Add("1 found \"app-1\"\n1 installed \"app-2\"\n")
	f.Add("2 left \"a\\\"b\"\n2 chosen \"\\xff\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, ok := parse(text)
		if !ok {
			return
		}
		written := ""
		for _, one := range lines {
			written += one.String()
		}
		again, ok := parse(written)
		if !ok || len(again) != len(lines) {
			t.Fatalf("%q was written as %q, which cannot be read", text, written)
		}
		for i, one := range again {
			if one != lines[i] {
				t.Errorf("line %d: %v, want %v", i, one, lines[i])
			}
		}
		var o Order
		o.replay(lines)
		for name, rank := range o.ranks {
			if rank < 1 || o.Rank(name) != rank {
				t.Errorf("%q has rank %d", name, rank)
			}
		}
	})
}
