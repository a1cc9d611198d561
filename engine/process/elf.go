package process

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

var errNotELF = errors.New("not an ELF program")

// elfProgram is what is to be known of an ELF program. Its file is read here and not by elf.NewFile, which
// brings the readers of debug information and of compressed sections into the program.
type elfProgram struct {
	file    io.ReaderAt
	order   binary.ByteOrder
	class   elf.Class
	machine elf.Machine
	// segments are count entries of size bytes, from offset.
	offset      int64
	size, count int
}

// readELF reads the header.
func readELF(file io.ReaderAt) (elfProgram, error) {
	p := elfProgram{file: file}
	var start [elf.EI_NIDENT]byte
	if _, err := file.ReadAt(start[:], 0); err != nil || !bytes.HasPrefix(start[:], []byte(elf.ELFMAG)) {
		return p, errNotELF
	}
	switch elf.Data(start[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		p.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		p.order = binary.BigEndian
	default:
		return p, errNotELF
	}
	switch p.class = elf.Class(start[elf.EI_CLASS]); p.class {
	case elf.ELFCLASS32:
		var header elf.Header32
		if err := p.read(0, &header); err != nil {
			return p, err
		}
		p.machine, p.offset, p.size, p.count = elf.Machine(header.Machine), int64(header.Phoff), int(header.Phentsize), int(header.Phnum)
	case elf.ELFCLASS64:
		var header elf.Header64
		if err := p.read(0, &header); err != nil {
			return p, err
		}
		p.machine, p.offset, p.size, p.count = elf.Machine(header.Machine), int64(header.Phoff), int(header.Phentsize), int(header.Phnum)
	default:
		return p, errNotELF
	}
	return p, nil
}

// loader is the path of the dynamic loader that the program names; "" is none.
func (p elfProgram) loader() string {
	for i := range p.count {
		var kind uint32
		var offset, length uint64
		at := p.offset + int64(i*p.size)
		if p.class == elf.ELFCLASS32 {
			var segment elf.Prog32
			if p.read(at, &segment) != nil {
				return ""
			}
			kind, offset, length = segment.Type, uint64(segment.Off), uint64(segment.Filesz)
		} else {
			var segment elf.Prog64
			if p.read(at, &segment) != nil {
				return ""
			}
			kind, offset, length = segment.Type, segment.Off, segment.Filesz
		}
		if elf.ProgType(kind) != elf.PT_INTERP || length > 4096 {
			continue
		}
		name := make([]byte, length)
		if _, err := p.file.ReadAt(name, int64(offset)); err != nil {
			return ""
		}
		return strings.TrimRight(string(name), "\x00")
	}
	return ""
}

// read fills a struct of the file's form.
func (p elfProgram) read(at int64, into any) error {
	return binary.Read(io.NewSectionReader(p.file, at, int64(binary.Size(into))), p.order, into)
}
