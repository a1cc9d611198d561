package host

import (
	"context"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/value"
)

// tree is the directory that stands for /.
type tree string

// largest is how many bytes of a file are read: all of these files are small.
const largest = 64 << 10

// text reads a small file, without blanks, line ends and the NUL of the device tree around it; "" where it
// cannot be read or is not text.
func (t tree) text(path string) string {
	file, err := regular.OpenForeign(context.Background(), filepath.Join(string(t), path))
	if err != nil {
		return ""
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, largest))
	if err != nil || !utf8.Valid(content) {
		return ""
	}
	return strings.Trim(string(content), " \t\r\n\x00")
}

// release reads os-release, as os-release(5) has it: NAME=VALUE, where the value may be quoted as in a shell.
func (t tree) release() map[string]string {
	text := t.text("etc/os-release")
	if text == "" {
		text = t.text("usr/lib/os-release")
	}
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, quoted, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && !strings.HasPrefix(name, "#") {
			values[name] = unquote(quoted)
		}
	}
	return values
}

// unquote takes the quotes of a shell away, and the backslashes where they quote.
func unquote(text string) string {
	if len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' {
		return text[1 : len(text)-1]
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte("$\"\\`'", text[i+1]) >= 0 {
			i++
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}

// machineIDs is the form that machine-id(5) promises.
var machineIDs = regexp.MustCompile(`^[0-9a-f]{32}$`)

// machineID is absent where the file is empty or says "uninitialized", as in an image that was never booted.
func (t tree) machineID() *string {
	for _, path := range []string{"etc/machine-id", "var/lib/dbus/machine-id"} {
		if id := t.text(path); machineIDs.MatchString(id) {
			return &id
		}
	}
	return nil
}

// unserial are what makers leave in the place of a serial number, in lower case.
var unserial = []string{
	"", "none", "n/a", "na", "0", "default string", "not specified", "not available", "not applicable", "system serial number",
	"to be filled by o.e.m.", "to be filled by oem", "oem", "0123456789", "123456789", "1234567890", "invalid", "unknown", "empty",
}

func (t tree) serial() *string {
	for _, path := range []string{
		"proc/device-tree/serial-number",             // the base of the device tree: devicetree.org, section 2.3
		"sys/firmware/devicetree/base/serial-number", // the same, where /proc has no link to it
		"sys/class/dmi/id/product_serial",            // SMBIOS 3.7, section 7.2
		"sys/class/dmi/id/board_serial",              // SMBIOS 3.7, section 7.3
		"sys/devices/soc0/serial_number",             // the kernel's soc bus: Documentation/ABI/testing/sysfs-devices-soc
	} {
		if serial := t.text(path); !slices.Contains(unserial, strings.ToLower(serial)) {
			return &serial
		}
	}
	return nil
}

// memory reads MemTotal, which proc(5) gives in KiB and calls kB.
func (t tree) memory() *value.Size {
	for line := range strings.Lines(t.text("proc/meminfo")) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "MemTotal:" || fields[2] != "kB" {
			continue
		}
		if kibibytes, err := strconv.ParseInt(fields[1], 10, 54); err == nil && kibibytes > 0 {
			size := value.SizeOf(kibibytes << 10)
			return &size
		}
	}
	return nil
}
