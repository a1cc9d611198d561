package host

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/value"
)

// Facts are what a recipe reads as host.NAME. A pointer may be absent.
type Facts struct {
	Name                string         `name:"name" help:"host name (uname)"`
	OS                  string         `name:"os" help:"operating system: linux"`
	Architecture        string         `name:"architecture" help:"amd64, arm64, arm, riscv64, ... as Go names them"`
	Kernel              string         `name:"kernel" help:"kernel release (uname)"`
	Distribution        *string        `name:"distribution" help:"ID in os-release: debian, alpine, poky, ..."`
	DistributionVersion *value.Version `name:"distribution_version" help:"VERSION_ID in os-release, where it is a version"`
	BootID              *string        `name:"boot_id" help:"changes at every boot (/proc/sys/kernel/random/boot_id)"`
	MachineID           *string        `name:"machine_id" help:"32 hexadecimal digits that stay with the installation (/etc/machine-id)"`
	Serial              *string        `name:"serial" help:"serial number of the board (device tree), or of the machine (DMI, which only root may read)"`
	Memory              *value.Size    `name:"memory" help:"memory that the kernel can use (MemTotal in /proc/meminfo)"`
	Cgroup              *string        `name:"cgroup" help:"control group below which gwe keeps the programs of each step apart; absent where it may not, or the machine has none of version 2"`
	Interfaces          []Interface    `name:"interfaces" help:"network interfaces, sorted by name (rtnetlink)"`
}

// Interface is one network interface.
type Interface struct {
	Name      string   `name:"name" help:"eth0, wlan0, lo, ..."`
	Up        bool     `name:"up" help:"whether it is switched on"`
	MAC       *string  `name:"mac" help:"hardware address: 02:00:5e:10:00:01"`
	Addresses []string `name:"addresses" help:"IP addresses without their prefix length"`
}

// Type is the object type of Facts.
func Type() value.Type { return value.MustObjectOf[Facts]() }

// Read reads the machine whose files lie below root: "/", but for tests. The names of uname, the network
// interfaces and the control group are those of the running kernel always.
func Read(root string) Facts {
	files := tree(root)
	facts := Facts{OS: runtime.GOOS, Architecture: runtime.GOARCH, Interfaces: interfaces()}
	var names unix.Utsname
	if err := unix.Uname(&names); err == nil {
		facts.Name, facts.Kernel = unix.ByteSliceToString(names.Nodename[:]), unix.ByteSliceToString(names.Release[:])
	}
	release := files.release()
	facts.Distribution = present(release["ID"])
	if version, err := value.ParseVersion(release["VERSION_ID"]); err == nil {
		facts.DistributionVersion = &version
	}
	facts.BootID = present(files.text("proc/sys/kernel/random/boot_id"))
	facts.MachineID = files.machineID()
	facts.Serial = files.serial()
	facts.Memory = files.memory()
	facts.Cgroup = present(process.Cgroup())
	return facts
}

// BootID is the running boot's; "" where the kernel does not tell it, as in some containers.
func BootID() string {
	id, err := process.RunningBoot()
	if err != nil {
		return ""
	}
	return id
}

// present makes an empty text absent.
func present(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
