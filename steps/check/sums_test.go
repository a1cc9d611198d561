package check

import (
	"strings"
	"testing"
)

func FuzzSums(f *testing.F) {
	for _, seed := range []string{
		"d41d8cd98f00b204e9800998ecf8427e  name\n", "\\d41d8cd98f00b204e9800998ecf8427e *a\\nb\\\\c\r\n",
		"SHA256 (a (b) = c) = " + strings.Repeat("0", 64), "# nothing\n\n", "-----BEGIN PGP SIGNED MESSAGE-----\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, one := range parseSums(text) {
			if one.name == "" || len(one.digest) < 32 || len(one.digest) > 128 {
				t.Errorf("%q", one)
			}
		}
	})
}
