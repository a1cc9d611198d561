package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// The blobs of GnuPG's keybox (its source's kbx/keybox-blob.c describes them): a length of four bytes, a type
// of one, and for keys the offset and the length of the key's OpenPGP packets at bytes 8 and 12. All numbers
// are big-endian.
const (
	keyboxHeaderSize = 16
	keyboxTypeKey    = 2
)

var errKeyboxDamaged = errors.New("the keybox is damaged")

// splitKeybox takes the OpenPGP keys of a pubring.kbx apart, as splitPackets does it with other files. X.509
// certificates and deleted blobs are left out.
func splitKeybox(content []byte) (keyPackets, error) {
	if len(content) < keyboxHeaderSize || !bytes.Equal(content[8:12], []byte("KBXf")) {
		return keyPackets{}, errors.New("it is not a GnuPG keybox")
	}
	var all keyPackets
	for len(content) > 0 {
		if len(content) < keyboxHeaderSize {
			return all, errKeyboxDamaged
		}
		length := binary.BigEndian.Uint32(content)
		if length < keyboxHeaderSize || uint64(length) > uint64(len(content)) {
			return all, errKeyboxDamaged
		}
		blob := content[:length]
		content = content[length:]
		if blob[4] != keyboxTypeKey {
			continue
		}
		offset, size := uint64(binary.BigEndian.Uint32(blob[8:])), uint64(binary.BigEndian.Uint32(blob[12:]))
		if offset+size > uint64(len(blob)) {
			return all, errKeyboxDamaged
		}
		found, err := splitPackets(blob[offset : offset+size])
		if err != nil {
			return all, err
		}
		all.append(found)
	}
	return all, nil
}
