package file

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/steps/placement"
)

// modeChange is what chmod's first argument says: a number, or clauses as "u=rwX,go=rX".
type modeChange struct {
	number  uint32
	clauses []clause
}

// clause is one of a symbolic mode. bits are r, w and x; search, setID and sticky are the letters X, s and t.
type clause struct {
	who      string
	operator byte
	bits     uint32
	search   bool
	setID    bool
	sticky   bool
}

var symbolic = regexp.MustCompile(`^([ugoa]*)([-+=])([rwxXst]*)$`)

// parseModeChange reads a mode as chmod does. Without who, all are meant; the umask plays no part.
func parseModeChange(text string) (*modeChange, error) {
	if strings.Trim(text, "0123456789") == "" {
		if _, err := placement.ParseMode(text); err != nil {
			return nil, err
		}
		number, err := strconv.ParseUint(text, 8, 12)
		return &modeChange{number: uint32(number)}, err
	}
	change := &modeChange{}
	for part := range strings.SplitSeq(text, ",") {
		found := symbolic.FindStringSubmatch(part)
		if found == nil {
			return nil, fault.New(fault.Refused, "mode-invalid", "%q is not a mode", text).
				WithHint(`write octal digits in quotes, "0644", or clauses as chmod has them, "u=rwX,go=rX"`)
		}
		one := clause{who: found[1], operator: found[2][0]}
		if one.who == "" || strings.Contains(one.who, "a") {
			one.who = "ugo"
		}
		for _, letter := range found[3] {
			switch letter {
			case 'r':
				one.bits |= 4
			case 'w':
				one.bits |= 2
			case 'x':
				one.bits |= 1
			case 'X':
				one.search = true
			case 's':
				one.setID = true
			case 't':
				one.sticky = true
			}
		}
		change.clauses = append(change.clauses, one)
	}
	return change, nil
}

// blind reports whether the mode would take from every directory the permission to enter it.
func (c *modeChange) blind() bool { return c.clauses == nil && c.number&0o111 == 0 }

// apply gives the new mode of what had the old one. As with chmod, a number takes no setuid and setgid bits
// from a directory; g-s does.
func (c *modeChange) apply(old uint32, directory bool) uint32 {
	if c.clauses == nil {
		if directory {
			return c.number | old&0o6000
		}
		return c.number
	}
	mode := old & 0o7777
	for _, one := range c.clauses {
		mode = one.apply(mode, directory)
	}
	return mode
}

func (c clause) apply(mode uint32, directory bool) uint32 {
	bits := c.bits
	if c.search && (directory || mode&0o111 != 0) {
		bits |= 1
	}
	var named, all uint32
	for shift, who := range map[uint32]string{6: "u", 3: "g", 0: "o"} {
		if strings.Contains(c.who, who) {
			named |= bits << shift
			all |= 7 << shift
		}
	}
	for bit, who := range map[uint32]string{0o4000: "u", 0o2000: "g"} {
		if strings.Contains(c.who, who) {
			if c.setID {
				named |= bit
			}
			if !directory {
				all |= bit
			}
		}
	}
	if c.sticky {
		named |= 0o1000
	}
	if strings.Contains(c.who, "o") {
		all |= 0o1000
	}
	switch c.operator {
	case '+':
		return mode | named
	case '-':
		return mode &^ named
	}
	return mode&^all | named
}
