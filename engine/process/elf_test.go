package process

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadELFAsTheStandardLibrary: the machine and the loader of this machine's programs are those that
// debug/elf finds.
func TestReadELFAsTheStandardLibrary(t *testing.T) {
	programs, err := filepath.Glob("/bin/*")
	if err != nil {
		t.Fatal(err)
	}
	loaders := 0
	for _, path := range programs[:min(len(programs), 200)] {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		defer file.Close()
		want, wantErr := elf.NewFile(file)
		got, err := readELF(file)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v, want %v", path, err, wantErr)
		}
		if err != nil || wantErr != nil {
			continue
		}
		loader := ""
		for _, segment := range want.Progs {
			if segment.Type == elf.PT_INTERP {
				name, err := io.ReadAll(segment.Open())
				if err != nil {
					t.Fatal(err)
				}
				loader = strings.TrimRight(string(name), "\x00")
			}
		}
		if got.machine != want.Machine || got.loader() != loader {
			t.Errorf("%s: %s %q, want %s %q", path, got.machine, got.loader(), want.Machine, loader)
		}
		if loader != "" {
			loaders++
		}
	}
	if loaders == 0 {
		t.Error("no program has a loader")
	}
}

// TestReadELFOfOtherMachines: 32 bits, and the bytes in the other order. What breaks off is not taken for a
// program with a loader.
func TestReadELFOfOtherMachines(t *testing.T) {
	const loader = "/lib/ld-uClibc.so.0\x00"
	for order, data := range map[binary.ByteOrder]elf.Data{binary.LittleEndian: elf.ELFDATA2LSB, binary.BigEndian: elf.ELFDATA2MSB} {
		var program bytes.Buffer
		header := elf.Header32{Machine: uint16(elf.EM_PPC), Phoff: 52, Phentsize: 32, Phnum: 2}
		copy(header.Ident[:], elf.ELFMAG)
		header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS32), byte(data)
		for _, part := range []any{
			header, elf.Prog32{Type: uint32(elf.PT_LOAD)},
			elf.Prog32{Type: uint32(elf.PT_INTERP), Off: 52 + 64, Filesz: uint32(len(loader))}, []byte(loader),
		} {
			if err := binary.Write(&program, order, part); err != nil {
				t.Fatal(err)
			}
		}
		whole := program.Bytes()
		for cut := range len(whole) + 1 {
			got, err := readELF(bytes.NewReader(whole[:cut]))
			if read := err == nil; read != (cut >= 52) {
				t.Errorf("%v: the first %d bytes: %v", order, cut, err)
			}
			if err != nil {
				continue
			}
			want := ""
			if cut == len(whole) {
				want = strings.TrimRight(loader, "\x00")
			}
			if got.machine != elf.EM_PPC || got.loader() != want {
				t.Errorf("%v: the first %d bytes: %s %q", order, cut, got.machine, got.loader())
			}
		}
	}
}
