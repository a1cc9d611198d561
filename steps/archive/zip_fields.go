package archive

import (
	"archive/zip"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"
)

// The extra fields that are read, by APPNOTE.TXT 4.5.2 and Info-ZIP's extrafld.txt.
const (
	fieldUnicodePath = 0x7075 // the name in UTF-8
	fieldOwner       = 0x7875 // Info-ZIP "ux": owners of any length
	fieldOwner2      = 0x7855 // Info-ZIP "Ux": owners of 16 bits, in the local header only
	fieldOwner1      = 0x5855 // Info-ZIP "UX": times, and in the local header owners of 16 bits
	fieldPKUnix      = 0x000d // PKWARE's form of "UX"
)

// fieldsOf gives the extra fields by their kinds; of equal ones the first counts. What is cut off is left
// out.
func fieldsOf(extra []byte) map[uint16][]byte {
	found := map[uint16][]byte{}
	for len(extra) >= 4 {
		kind, length := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; length > len(extra) {
			break
		}
		if _, twice := found[kind]; !twice {
			found[kind] = extra[:length]
		}
		extra = extra[length:]
	}
	return found
}

// owner are a user and a group.
type owner struct{ user, group int }

// ownerIn reads the owners from the extra fields of a header; the field of Info-ZIP's present version comes
// first.
func ownerIn(fields map[uint16][]byte) (owner, bool) {
	if field := fields[fieldOwner]; len(field) > 0 && field[0] == 1 {
		user, rest, ok := numberInZip(field[1:])
		group, _, also := numberInZip(rest)
		if ok && also {
			return owner{user, group}, true
		}
	}
	old := fields[fieldOwner2]
	for _, kind := range []uint16{fieldOwner1, fieldPKUnix} {
		if field := fields[kind]; len(old) < 4 && len(field) >= 12 {
			old = field[8:] // after two times
		}
	}
	if len(old) < 4 {
		return owner{}, false
	}
	return owner{int(binary.LittleEndian.Uint16(old)), int(binary.LittleEndian.Uint16(old[2:]))}, true
}

// numberInZip reads a length and a little-endian number of that many bytes.
func numberInZip(field []byte) (number int, rest []byte, ok bool) {
	if len(field) == 0 || field[0] > 8 || len(field) < 1+int(field[0]) {
		return 0, nil, false
	}
	length := int(field[0])
	var wide [8]byte
	copy(wide[:], field[1:1+length])
	return int(binary.LittleEndian.Uint64(wide[:])), field[1+length:], true
}

// nameInZip gives the name in UTF-8, as far as the archive tells its encoding. Programs on Unix write names
// as the file system has them. All others write UTF-8 with the flag for it, or with Info-ZIP's field beside
// the name; without either it is code page 437, which the format has had from the beginning, unless it
// happens to be UTF-8.
func nameInZip(file *zip.File, fields map[uint16][]byte) string {
	const utf8Flag = 1 << 11
	if file.Flags&utf8Flag != 0 {
		return file.Name
	}
	// Version 1, the checksum of the name that it stands for, and the name in UTF-8. Whoever renames an entry
	// without knowing the field leaves one whose checksum is wrong.
	if field := fields[fieldUnicodePath]; len(field) > 5 && field[0] == 1 && utf8.Valid(field[5:]) &&
		binary.LittleEndian.Uint32(field[1:]) == crc32.ChecksumIEEE([]byte(file.Name)) {
		return string(field[5:])
	}
	if isUnix(file) || utf8.ValidString(file.Name) {
		return file.Name
	}
	var name strings.Builder
	for _, b := range []byte(file.Name) {
		if b < utf8.RuneSelf {
			name.WriteByte(b)
		} else {
			name.WriteRune(codePage437[b-utf8.RuneSelf])
		}
	}
	return name.String()
}

// codePage437 are the characters from 128 on.
var codePage437 = [128]rune([]rune("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
	"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"))

// Who made an entry decides what its attributes mean: APPNOTE.TXT 4.4.2.
const (
	madeByDOS   = 0
	madeByUnix  = 3
	madeByMacOS = 19
)

func isUnix(file *zip.File) bool {
	maker := file.CreatorVersion >> 8
	return maker == madeByUnix || maker == madeByMacOS
}

// modeOfDOS is the mode of an entry by its attributes of DOS: files that are read-only there are so here, as
// unzip has it. PKZIP for Unix calls itself DOS and has the mode beside; it counts where the two agree.
func modeOfDOS(file *zip.File, isDirectory bool) int64 {
	const readOnly = 1
	mode := int64(0o644)
	if isDirectory {
		mode = 0o755
	}
	if file.ExternalAttrs&readOnly != 0 {
		mode &^= 0o222
	}
	if unix := int64(file.ExternalAttrs >> 16); file.CreatorVersion>>8 == madeByDOS && unix&0o700 == mode&0o700 {
		return unix & 0o777
	}
	return mode
}
