package host

import (
	"cmp"
	"net"
	"slices"
)

// interfaces asks the kernel by rtnetlink(7); none where it may not be asked.
func interfaces() []Interface {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	found := make([]Interface, 0, len(all))
	for _, one := range all {
		made := Interface{Name: one.Name, Up: one.Flags&net.FlagUp != 0, MAC: present(one.HardwareAddr.String())}
		addresses, err := one.Addrs()
		if err != nil {
			addresses = nil // it has gone between the two questions
		}
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok {
				made.Addresses = append(made.Addresses, network.IP.String())
			}
		}
		found = append(found, made)
	}
	slices.SortFunc(found, func(a, b Interface) int { return cmp.Compare(a.Name, b.Name) })
	return found
}
