package bundle

import (
	"bytes"
	"encoding/binary"
)

// looksLikeMessage reports whether the file starts like an OpenPGP message, binary or armoured. A byte with
// its highest bit set says little: PNG and lzop begin with one. So the packet that it would begin has to be
// one that a message begins with, of a version that there is, and not longer than such packets are.
func looksLikeMessage(start []byte) bool {
	if isArmoured(start) {
		return true
	}
	kind, length, body, ok := firstPacket(start)
	if !ok {
		return false
	}
	if len(body) == 0 {
		return true // the file ends here: it is a message that was cut off, if anything
	}
	switch kind {
	case tagEncryptedKey, tagOnePass:
		return length <= smallPacketMaximum && (body[0] == 3 || body[0] == 6)
	case tagSignature:
		return length <= smallPacketMaximum && body[0] >= 2 && body[0] <= 6
	case tagPasswordKey:
		return length <= smallPacketMaximum && body[0] >= 4 && body[0] <= 6
	case tagCompressed:
		return body[0] <= 3
	case tagMarker:
		return length == 3 && bytes.HasPrefix([]byte("PGP"), body[:min(3, len(body))])
	case tagLiteral:
		return bytes.IndexByte([]byte("btul1m"), body[0]) >= 0
	case tagProtected:
		return body[0] == 1 || body[0] == 2
	case tagAuthenticated:
		return body[0] == 1
	case tagUnprotected:
		return true
	case tagPadding:
		return length <= smallPacketMaximum
	}
	return false
}

// firstPacket reads the head of a packet as far as it is there: its type, its length, where it is told, and
// what is there of its body.
func firstPacket(start []byte) (kind tag, length int64, body []byte, ok bool) {
	if len(start) == 0 || start[0]&0x80 == 0 {
		return 0, 0, nil, false
	}
	first, rest := start[0], start[1:]
	if len(rest) == 0 {
		return tag(first & 0x3f), 0, nil, true
	}
	if first&0x40 == 0 {
		kind = tag(first >> 2 & 0x0f)
		octets := 1 << (first & 3)
		if first&3 == 3 {
			return kind, 0, rest, true // to the end of the file
		}
		if len(rest) < octets {
			return kind, 0, nil, true
		}
		var number [4]byte
		copy(number[4-octets:], rest)
		return kind, int64(binary.BigEndian.Uint32(number[:])), rest[octets:], true
	}
	kind = tag(first & 0x3f)
	switch octet := rest[0]; {
	case octet < 192:
		return kind, int64(octet), rest[1:], true
	case octet < 224:
		if len(rest) < 2 {
			return kind, 0, nil, true
		}
		return kind, int64(octet-192)<<8 + int64(rest[1]) + 192, rest[2:], true
	case octet < 255:
		return kind, 1 << (octet & 0x1f), rest[1:], true // the first part of several
	}
	if len(rest) < 5 {
		return kind, 0, nil, true
	}
	return kind, int64(binary.BigEndian.Uint32(rest[1:])), rest[5:], true
}
