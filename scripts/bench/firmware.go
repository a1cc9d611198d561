package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// firmware makes two releases of a made-up firmware: directory/v1/firmware-1 and directory/v2/firmware-2. The
// same numbers give the same bytes.
//
// A tree has directories with files of many sizes, most of them small, some large; three fifths of them
// cannot be compressed, the others are text; some are executable, some have a symbolic link. In the second
// release one file in 20 has another content and time, one is gone, and one is new.
type firmware struct {
	files       int
	bytes       int64
	directories int
}

// wordCount is how many words the text of a firmware is made of.
const wordCount = 4000

func (f firmware) make(directory string) error {
	random := rand.New(rand.NewPCG(42, 0))
	words := make([]string, wordCount)
	for i := range words {
		letters := make([]byte, 2+random.IntN(9))
		for j := range letters {
			letters[j] = byte('a' + random.IntN(26))
		}
		words[i] = string(letters) + " "
	}
	sizes, sum := make([]float64, f.files), 0.0
	for i := range sizes {
		sizes[i] = math.Exp(1.5 * random.NormFloat64())
		sum += sizes[i]
	}
	changed := map[int]bool{}
	for _, i := range random.Perm(f.files)[:f.files/20] {
		changed[i] = true
	}
	for version := 1; version <= 2; version++ {
		root := filepath.Join(directory, fmt.Sprintf("v%d", version), fmt.Sprintf("firmware-%d", version))
		for i, size := range sizes {
			content := 1
			if version == 2 && changed[i] {
				content = 2
			}
			if version == 2 && i == 1 {
				continue
			}
			if err := f.file(root, i, content, int(size/sum*float64(f.bytes))+1, words); err != nil {
				return err
			}
		}
		if version == 2 {
			if err := f.file(root, f.files, 2, 10_000, words); err != nil {
				return err
			}
		}
	}
	return nil
}

// file writes file i of a release, and the symbolic link that some have.
func (f firmware) file(root string, i, content, size int, words []string) error {
	path := filepath.Join(root, fmt.Sprintf("d%02d", i%f.directories), fmt.Sprintf("f%05d", i))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(uint64(i), uint64(content)))
	text := make([]byte, 0, size+16)
	if random.IntN(5) < 2 {
		for len(text) < size {
			text = append(text, words[random.IntN(len(words))]...)
		}
	} else {
		for len(text) < size {
			number := random.Uint64()
			for range 8 {
				text = append(text, byte(number))
				number >>= 8
			}
		}
	}
	mode := os.FileMode(0o644)
	if i%10 == 0 {
		mode = 0o755
	}
	if err := os.WriteFile(path, text[:size], mode); err != nil {
		return err
	}
	stamp := time.Unix(1_700_000_000+int64(content)*86_400+int64(i), 0)
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		return err
	}
	if i%50 == 0 {
		return os.Symlink(filepath.Base(path), path+".link")
	}
	return nil
}
