package engine

import (
	"bytes"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/value"
)

// hostType is the type of the name host: facts of the machine, read once at the start of a run and journaled with it.
func hostType() value.Type {
	text := value.Type{Kind: value.KindString}
	return value.Type{Kind: value.KindObject, Fields: []value.Field{
		{Name: "name", Type: text, Help: "host name"},
		{Name: "os", Type: text, Help: "operating system, linux"},
		{Name: "architecture", Type: text, Help: "amd64, arm64, arm, ... as Go names them"},
		{Name: "kernel", Type: text, Help: "kernel release"},
		{Name: "boot_id", Type: text, Help: "changes at every boot"},
	}}
}

// hostFacts reads the machine.
func hostFacts() map[string]any {
	var names unix.Utsname
	kernel := ""
	if err := unix.Uname(&names); err == nil {
		kernel = unix.ByteSliceToString(names.Release[:])
	}
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	return map[string]any{
		"name": name, "os": runtime.GOOS, "architecture": runtime.GOARCH, "kernel": kernel, "boot_id": bootID(),
	}
}

// bootID is "" where the kernel does not tell, as in some containers.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(id))
}
