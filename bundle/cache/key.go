package cache

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// Key is the digest of an entry, and its name: "sha256-" or "sha512-" and small hex digits.
type Key string

// KeyOf is the key of a digest in hex digits: of the first that is given. ok is false where none is, or where
// it is not one.
func KeyOf(sha256, sha512 string) (key Key, ok bool) {
	if sha256 != "" {
		return ParseKey("sha256-" + strings.ToLower(sha256))
	}
	return ParseKey("sha512-" + strings.ToLower(sha512))
}

// ParseKey reads the name of an entry.
func ParseKey(name string) (key Key, ok bool) {
	kind, digits, _ := strings.Cut(name, "-")
	size := map[string]int{"sha256": sha256.Size, "sha512": sha512.Size}[kind]
	raw, err := hex.DecodeString(digits)
	return Key(name), size > 0 && err == nil && len(raw) == size && digits == strings.ToLower(digits)
}

// sum is the hash that the key is a digest of.
func (k Key) sum() hash.Hash {
	if strings.HasPrefix(string(k), "sha512-") {
		return sha512.New()
	}
	return sha256.New()
}

// is reports whether a sum of the whole content is the key.
func (k Key) is(sum hash.Hash) bool {
	_, digits, _ := strings.Cut(string(k), "-")
	return digits == hex.EncodeToString(sum.Sum(nil))
}
