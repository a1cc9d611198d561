package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/gwe-project/gwe/engine/fault"
)

var (
	armourBegin = []byte("-----BEGIN PGP ")
	armourEnd   = []byte("-----END PGP ")
)

// armourStart gives the offset of the first line that opens an armour, or -1. Text may stand above it, as
// GnuPG allows; it is passed over and counts for nothing. Anything else above it means that the file is not
// armoured.
func armourStart(content []byte) int {
	for at := 0; at < len(content); {
		line, rest, _ := bytes.Cut(content[at:], []byte("\n"))
		if bytes.HasPrefix(trimmed(line), armourBegin) {
			return at
		}
		if !isText(line) {
			return -1
		}
		at = len(content) - len(rest)
	}
	return -1
}

func isArmoured(content []byte) bool { return armourStart(content) >= 0 }

// trimmed removes what editors and mail put around a line: blanks, the end of a DOS line, a byte order mark.
func trimmed(line []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
}

// isText reports whether a line has no control characters but blanks. Any encoding of text will do.
func isText(line []byte) bool {
	return !bytes.ContainsFunc(line, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\f' && r != '\v'
	})
}

// armourBlock is what one armour holds.
type armourBlock struct {
	// kind is what its first line names: PGP PUBLIC KEY BLOCK, say.
	kind string
	body []byte
}

// armourBlocks gives the blocks of an armoured file in memory. Text above, between and below them is passed
// over. The last line of a block may be missing, as GnuPG allows: whether the packets in it are whole, they
// tell by their lengths.
func armourBlocks(content []byte) ([]armourBlock, error) {
	var blocks []armourBlock
	for {
		start := armourStart(content)
		if start < 0 {
			return blocks, nil
		}
		content = content[start:]
		length := armourLength(content)
		block, err := armor.Decode(bytes.NewReader(bytes.TrimPrefix(content[:length], []byte("\xef\xbb\xbf"))))
		var body []byte
		if err == nil {
			body, err = io.ReadAll(block.Body)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return blocks, err
		}
		if err != nil {
			return blocks, errors.New("its armour is damaged")
		}
		blocks = append(blocks, armourBlock{kind: block.Type, body: body})
		content = content[length:]
	}
}

// armourLength is how far the armour that starts here goes: to the end of its last line, or to where another
// one starts.
func armourLength(content []byte) int {
	for at := 0; at < len(content); {
		line, rest, _ := bytes.Cut(content[at:], []byte("\n"))
		switch line := trimmed(line); {
		case bytes.HasPrefix(line, armourEnd):
			return len(content) - len(rest)
		case at > 0 && bytes.HasPrefix(line, armourBegin):
			return at
		}
		at = len(content) - len(rest)
	}
	return len(content)
}

// dearmour removes the ASCII armour from a message; what follows the armour is checked by the function that
// it gives.
func dearmour(r *bufio.Reader) (plain *bufio.Reader, after func() error, err error) {
	defer fault.Contain(openPGP, &err)
	if mark, _ := r.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = r.Discard(len(mark))
	}
	block, err := armor.Decode(r)
	if err != nil {
		return nil, nil, truncated(err)
	}
	if block.Type != "PGP MESSAGE" {
		return nil, nil, refuse("package-not-openpgp", "the file is a %s, not a package", block.Type).
			WithHint("name the package itself; gwe pack and gpg --sign make one")
	}
	after = func() error {
		rest, err := io.ReadAll(io.LimitReader(r, 256))
		if err != nil {
			return err
		}
		if rest = bytes.TrimSpace(rest); len(rest) > 0 && string(rest) != "-----END PGP MESSAGE-----" {
			return atEnd(bytes.NewReader(rest))
		}
		return nil
	}
	return bufio.NewReaderSize(fault.Contained(openPGP, block.Body), copyBuffer), after, nil
}
