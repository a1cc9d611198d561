package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
)

// machine makes a tree of files and reads it.
func machine(t *testing.T, files map[string]string) Facts {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		whole := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(whole), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(whole, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Read(root)
}

func TestFactsOfFiles(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	tests := []struct {
		name  string
		files map[string]string
		fact  string
		want  any
	}{
		{"nothing", nil, "serial", nil},
		{"debian", map[string]string{"etc/os-release": "# ID=x\nNAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n"}, "distribution_version", "12"},
		{"ID is not VERSION_ID", map[string]string{"etc/os-release": "VERSION_ID=\"12\"\nID=debian\n"}, "distribution", "debian"},
		{"a quoted value", map[string]string{"etc/os-release": `ID="a\"b\$c"`}, "distribution", `a"b$c`},
		{"single quotes", map[string]string{"etc/os-release": `ID='poky\'`}, "distribution", `poky\`},
		{"the vendor's file", map[string]string{"usr/lib/os-release": "ID=alpine\n"}, "distribution", "alpine"},
		{"a version that is none", map[string]string{"etc/os-release": "ID=arch\nVERSION_ID=rolling\n"}, "distribution_version", nil},
		{"machine id", map[string]string{"etc/machine-id": id + "\n"}, "machine_id", id},
		{"never booted", map[string]string{"etc/machine-id": "uninitialized\n"}, "machine_id", nil},
		{"dbus has it", map[string]string{"etc/machine-id": "", "var/lib/dbus/machine-id": id + "\n"}, "machine_id", id},
		{"boot id", map[string]string{"proc/sys/kernel/random/boot_id": "b-1\n"}, "boot_id", "b-1"},
		{"device tree", map[string]string{"proc/device-tree/serial-number": "10000000abc\x00", "sys/class/dmi/id/product_serial": "D\n"}, "serial", "10000000abc"},
		{"DMI", map[string]string{"sys/class/dmi/id/product_serial": " GW-17 \n"}, "serial", "GW-17"},
		{"a maker who left it open", map[string]string{"sys/class/dmi/id/product_serial": "To be filled by O.E.M.\n", "sys/class/dmi/id/board_serial": "B7\n"}, "serial", "B7"},
		{"no text", map[string]string{"proc/device-tree/serial-number": "\xff\xfe\x00"}, "serial", nil},
		{"memory", map[string]string{"proc/meminfo": "MemTotal:       1024 kB\nMemFree: 1 kB\n"}, "memory", "1MiB"},
		{"memory of another kernel", map[string]string{"proc/meminfo": "MemTotal: many\n"}, "memory", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			values, err := value.FromStruct(machine(t, test.files))
			if err != nil {
				t.Fatal(err)
			}
			got := values[test.fact]
			if got != nil {
				got = value.Text(got)
			}
			if got != test.want {
				t.Errorf("%s is %v, want %v", test.fact, got, test.want)
			}
		})
	}
}

// TestFactsOfThisMachine compares with what the kernel shows elsewhere.
func TestFactsOfThisMachine(t *testing.T) {
	facts := Read("/")
	name, err := os.Hostname()
	if err != nil || facts.Name != name || facts.OS == "" || facts.Architecture == "" || facts.Kernel != tree("/").text("proc/sys/kernel/osrelease") {
		t.Errorf("read %+v", facts)
	}
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		address := tree("/").text("sys/class/net/" + entry.Name() + "/address")
		if tree("/").text("sys/class/net/"+entry.Name()+"/ifindex") == "" {
			continue // bonding_masters and the like
		}
		at := slices.IndexFunc(facts.Interfaces, func(one Interface) bool { return one.Name == entry.Name() })
		if at < 0 {
			t.Errorf("the interface %s is missing", entry.Name())
		} else if mac := facts.Interfaces[at].MAC; mac != nil && *mac != address {
			t.Errorf("the address of %s is %s, want %s", entry.Name(), *mac, address)
		}
	}
	if !slices.IsSortedFunc(facts.Interfaces, func(a, b Interface) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) }) {
		t.Error("the interfaces are not in order")
	}
}

// TestFactsSurviveTheJournal: recovery reads them from there.
func TestFactsSurviveTheJournal(t *testing.T) {
	values, err := value.FromStruct(Read("/"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := value.ToJSON(Type(), values)
	if err != nil {
		t.Fatal(err)
	}
	back, err := value.FromJSON(Type(), raw)
	if err != nil || value.Text(back) != value.Text(values) {
		t.Errorf("%s became %s, %v", value.Text(values), value.Text(back), err)
	}
}

// FuzzUnquote: a value of os-release never grows, and one without quotes and backslashes stays as it is.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{"", `"`, `""`, `'a'`, `"a\"b"`, `a\`, `\$`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := unquote(text)
		if len(got) > len(text) || !strings.ContainsAny(text, `\'"`) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
