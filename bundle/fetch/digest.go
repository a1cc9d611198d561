package fetch

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"strings"
)

// Digests are what a file must have, in hex digits; "" is none. MD5 is compared beside another one only.
type Digests struct{ SHA256, SHA512, MD5 string }

// Given reports whether the content is known by a digest that cannot be forged.
func (d Digests) Given() bool { return d.SHA256 != "" || d.SHA512 != "" }

// valid gives the digests in small digits. Its fault is download-option-invalid.
func (d Digests) valid() (Digests, error) {
	for _, one := range []struct {
		name, digest string
		size         int
	}{{"sha256", d.SHA256, sha256.Size}, {"sha512", d.SHA512, sha512.Size}, {"md5", d.MD5, md5.Size}} {
		raw, err := hex.DecodeString(one.digest)
		if one.digest != "" && (err != nil || len(raw) != one.size) {
			return d, invalidOption("%q is not a %s digest", one.digest, one.name).WithHint("it has %d hex digits", 2*one.size)
		}
	}
	if d.MD5 != "" && !d.Given() {
		return d, invalidOption("md5 stands alone: files can be made on purpose that share one").WithHint("give sha256 or sha512 too")
	}
	return Digests{strings.ToLower(d.SHA256), strings.ToLower(d.SHA512), strings.ToLower(d.MD5)}, nil
}

// sums are the digests of what was written so far.
type sums struct {
	want   Digests
	sha256 hash.Hash
	others map[string]hash.Hash
	all    io.Writer
}

func newSums(want Digests) *sums {
	s := &sums{want: want, sha256: sha256.New(), others: map[string]hash.Hash{}}
	writers := []io.Writer{s.sha256}
	if want.SHA512 != "" {
		s.others[want.SHA512] = sha512.New()
	}
	if want.MD5 != "" {
		s.others[want.MD5] = md5.New()
	}
	for _, one := range s.others {
		writers = append(writers, one)
	}
	s.all = io.MultiWriter(writers...)
	return s
}

// Write implements io.Writer; it never fails.
func (s *sums) Write(part []byte) (int, error) { return s.all.Write(part) }

func (s *sums) reset() {
	s.sha256.Reset()
	for _, one := range s.others {
		one.Reset()
	}
}

func (s *sums) digest() string { return hex.EncodeToString(s.sha256.Sum(nil)) }

// differs gives the first digest that is another one than wanted, and the wanted one; "" where all fit.
func (s *sums) differs() (is, wanted string) {
	if found := s.digest(); s.want.SHA256 != "" && found != s.want.SHA256 {
		return found, s.want.SHA256
	}
	for want, one := range s.others {
		if found := hex.EncodeToString(one.Sum(nil)); found != want {
			return found, want
		}
	}
	return "", ""
}

// Matches reads a file to its end and reports whether it has the digests, of which one is given. ended is
// asked after each piece; its error ends the reading.
func (d Digests) Matches(file io.Reader, ended func() error) (bool, error) {
	want, err := d.valid()
	if err != nil {
		return false, err
	}
	all := newSums(want)
	if _, err := pump(all, file, ended); err != nil {
		return false, err
	}
	is, _ := all.differs()
	return is == "" && want.Given(), nil
}

// SHA256Of reads a file to its end, and returns its digest in hex digits and its length. ended is asked after
// each piece; its error ends the reading.
func SHA256Of(file io.Reader, ended func() error) (digest string, size int64, err error) {
	all := newSums(Digests{})
	size, err = pump(all, file, ended)
	return all.digest(), size, err
}

func pump(to io.Writer, file io.Reader, ended func() error) (read int64, err error) {
	for buffer := make([]byte, 256<<10); ; {
		n, err := file.Read(buffer)
		_, _ = to.Write(buffer[:n])
		read += int64(n)
		if err := ended(); err != nil {
			return read, err
		}
		if err == io.EOF { //nolint:errorlint // readers give it as it is
			return read, nil
		}
		if err != nil {
			return read, err
		}
	}
}
