package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
)

// The blobs of GnuPG's keybox (its source's kbx/keybox-blob.c describes them): a length of four bytes, a type of one, and
// for keys the offset and the length of the key's OpenPGP packets at bytes 8 and 12. All numbers are big-endian.
const (
	keyboxHeaderSize = 16
	keyboxTypeKey    = 2
)

var errKeyboxDamaged = errors.New("the keybox is damaged")

// parseKeybox reads the OpenPGP keys of a pubring.kbx. X.509 certificates and deleted blobs are left out.
func parseKeybox(content []byte) (keys openpgp.EntityList, err error) {
	defer fault.Contain(openPGP, &err)
	if len(content) < keyboxHeaderSize || !bytes.Equal(content[8:12], []byte("KBXf")) {
		return nil, errors.New("it is not a GnuPG keybox")
	}
	var all openpgp.EntityList
	for len(content) > 0 {
		if len(content) < keyboxHeaderSize {
			return nil, errKeyboxDamaged
		}
		length := binary.BigEndian.Uint32(content)
		if length < keyboxHeaderSize || uint64(length) > uint64(len(content)) {
			return nil, errKeyboxDamaged
		}
		blob := content[:length]
		content = content[length:]
		if blob[4] != keyboxTypeKey {
			continue
		}
		offset, size := uint64(binary.BigEndian.Uint32(blob[8:])), uint64(binary.BigEndian.Uint32(blob[12:]))
		if offset+size > uint64(len(blob)) {
			return nil, errKeyboxDamaged
		}
		// One key of a kind that the library does not know must not make the others useless.
		entities, err := openpgp.ReadKeyRing(bytes.NewReader(blob[offset : offset+size]))
		if err == nil {
			all = append(all, entities...)
		}
	}
	return all, nil
}
