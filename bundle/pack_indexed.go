package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// IndexSuffix is what the name of an index has after that of its package.
const IndexSuffix = ".index"

// isIndexed reports whether the package gets an index.
func (o PackOptions) isIndexed() bool {
	return !o.NoIndex && !o.Unsigned && len(o.EncryptFor) == 0 && o.compression() == Zstandard
}

// writeIndexed writes a package with an index, and returns the signed index for the file beside it. The
// frames go to a temporary file first: an OpenPGP packet begins with its length, and what lies between the
// frames must not depend on how they were written.
func (o PackOptions) writeIndexed(file io.Writer, seal *sealer, tree *tree, directory string) (message []byte, err error) {
	spool, err := os.CreateTemp(directory, durable.Prefix+"pack-*")
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	if err := os.Remove(spool.Name()); err != nil {
		return nil, err
	}
	sum, buffered := sha256.New(), bufio.NewWriterSize(spool, blockSize)
	frames, err := newFrameWriter(io.MultiWriter(buffered, sum), o.Level)
	if err != nil {
		return nil, err
	}
	tree.frames = frames
	if err := tree.write(frames); err != nil {
		return nil, err
	}
	if err := frames.close(); err != nil {
		return nil, err
	}
	made := index.Index{Name: tree.name, Frames: frames.frames}
	made.Product, made.Version = splitName(tree.name)
	sum.Sum(made.Sum[:0])
	body := tree.entries.Encode(made)
	if _, err := index.Parse(body); err != nil {
		return nil, fault.New(fault.Refused, "pack-no-index", "%s is too large for an index", tree.directory).WithCause(err).
			WithHint("pack it without one: gwe pack --no-index")
	}
	if message, err = seal.message(body); err != nil {
		return nil, err
	}
	if _, err := buffered.Write(index.Wrap(message)); err != nil {
		return nil, err
	}
	if err := buffered.Flush(); err != nil {
		return nil, err
	}
	length, err := spool.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	return message, seal.wrap(file, func() io.Reader { return bufio.NewReaderSize(io.NewSectionReader(spool, 0, length), blockSize) }, length)
}

// versioned takes the name of a release apart, firmware-1.2.3 for example.
var versioned = regexp.MustCompile(`^(.+?)[-_]v?([0-9][^/]*)$`)

// splitName tells product and version by the name of a release, as far as it shows them.
func splitName(name string) (product, version string) {
	if found := versioned.FindStringSubmatch(name); found != nil {
		return found[1], found[2]
	}
	return name, ""
}

// message signs a short content, in a message of its own.
func (s *sealer) message(content []byte) ([]byte, error) {
	var message bytes.Buffer
	err := s.wrap(&message, func() io.Reader { return bytes.NewReader(content) }, int64(len(content)))
	return message.Bytes(), err
}

const (
	// partialPower is the power of two of the parts of a literal packet that is too long for one length.
	partialPower = 30
	// literalLongest is the most bytes that a length of five octets can say.
	literalLongest = 1<<32 - 1
	// literalStart is what a literal packet holds before the content: its form, an empty name, no date.
	literalStart = 6
)

// wrap writes a signed message around a content of that length, which is read twice. The content lies in
// the message in one piece, or, if the packet's length does not fit in 32 bits, in parts of 1 GiB.
func (s *sealer) wrap(to io.Writer, content func() io.Reader, length int64) error {
	var signed bytes.Buffer
	err := contained(func() error {
		return openpgp.DetachSign(&signed, []*openpgp.Entity{s.signer}, content(), s.config)
	})
	if err != nil {
		return err
	}
	parsed, err := packet.Read(bytes.NewReader(signed.Bytes()))
	if err != nil {
		return err
	}
	signature, ok := parsed.(*packet.Signature)
	if !ok || signature.IssuerKeyId == nil {
		return errors.New("the library has made a signature without the key's id")
	}
	announced := &packet.OnePassSignature{
		Version: 3, SigType: signature.SigType, Hash: signature.Hash, PubKeyAlgo: signature.PubKeyAlgo, KeyId: *signature.IssuerKeyId, IsLast: true,
	}
	if signature.Version == 6 {
		announced.Version, announced.Salt, announced.KeyFingerprint = 6, signature.Salt(), signature.IssuerFingerprint
	}
	if err := announced.Serialize(to); err != nil {
		return err
	}
	if err := writeLiteral(to, content(), length, literalLongest, partialPower); err != nil {
		return err
	}
	_, err = to.Write(signed.Bytes())
	return err
}

// writeLiteral writes a literal packet, in parts of 1<<power bytes as long as more than longest are left.
func writeLiteral(to io.Writer, content io.Reader, length, longest int64, power byte) error {
	left := length + literalStart
	body := io.MultiReader(bytes.NewReader([]byte{'b', 0, 0, 0, 0, 0}), content)
	head := []byte{0xc0 | byte(tagLiteral)}
	for left > longest {
		if _, err := to.Write(append(head, 0xe0|power)); err != nil {
			return err
		}
		if _, err := io.CopyN(to, body, 1<<power); err != nil {
			return err
		}
		head, left = nil, left-1<<power
	}
	if _, err := to.Write(binary.BigEndian.AppendUint32(append(head, 255), uint32(left))); err != nil {
		return err
	}
	_, err := io.CopyN(to, body, left)
	return err
}

// indexEntry is what the index says of an entry of the tar, without its content.
func indexEntry(header *tar.Header) index.Entry {
	_, path, _ := strings.Cut(strings.TrimSuffix(header.Name, "/"), "/") // without the top-level directory
	e := index.Entry{Path: path, Mode: uint32(header.Mode), UID: uint32(header.Uid), GID: uint32(header.Gid),
		Seconds: header.ModTime.Unix(), Nanoseconds: uint32(header.ModTime.Nanosecond())}
	switch header.Typeflag {
	case tar.TypeDir:
		e.Kind = index.Directory
	case tar.TypeSymlink:
		e.Kind, e.Target = index.Symlink, header.Linkname
	case tar.TypeLink:
		_, target, _ := strings.Cut(header.Linkname, "/")
		return index.Entry{Kind: index.HardLink, Path: e.Path, Target: target}
	case tar.TypeReg:
		e.Kind, e.Size = index.File, header.Size
	}
	for key, value := range header.PAXRecords {
		if name, is := strings.CutPrefix(key, attributeRecord); is {
			e.Attributes = append(e.Attributes, index.Attribute{Name: tarAttributeName.Replace(name), Value: value})
		}
	}
	slices.SortFunc(e.Attributes, func(a, b index.Attribute) int { return cmp.Compare(a.Name, b.Name) })
	return e
}

// indexFile writes a file's content, and takes its entry into the index.
func (t *tree) indexFile(header *tar.Header, write func(also io.Writer) error) error {
	e := indexEntry(header)
	at, err := t.frames.content(header.Size)
	if err != nil {
		return err
	}
	if e.Size > 0 {
		e.At = at
	}
	var sum hash.Hash = sha256.New()
	if err := write(sum); err != nil {
		return err
	}
	sum.Sum(e.Sum[:0])
	t.entries.Add(e)
	return t.frames.contentEnds()
}

// writeIndexBeside writes the file beside the package.
func writeIndexBeside(path string, message []byte) error {
	if err := durable.WriteFile(path+IndexSuffix, message, 0o644); err != nil {
		return fault.New(fault.Failed, "pack-output", "cannot write %s", path+IndexSuffix).WithCause(err)
	}
	return nil
}

// removeIndexBeside removes the index of an older package of that name: it must not lie beside the new one.
func removeIndexBeside(path string) error {
	err := os.Remove(path + IndexSuffix)
	if err == nil {
		err = durable.SyncDirectory(filepath.Dir(path))
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return fault.New(fault.Failed, "pack-output", "cannot remove %s, which belongs to an older package", path+IndexSuffix).WithCause(err)
}
