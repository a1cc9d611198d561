package transfer

import "golang.org/x/sys/unix"

// original is an entry that another is compared with, or whose content is copied.
type original struct {
	directory int
	name      string
	status    *unix.Stat_t
}

// same compares two entries of one kind: content reports whether they hold the same as far as one looks (size
// and time, or every byte with checksum), whole whether their attributes are the same too.
func (s *survey) same(a, b original) (content, whole bool, err error) {
	if a.status.Dev == b.status.Dev && a.status.Ino == b.status.Ino {
		return true, true, nil
	}
	if content, err = s.sameContent(a, b); err != nil || !content {
		return false, false, err
	}
	left, err := attributesAt(a.directory, a.name, a.status)
	if err != nil {
		return false, false, err
	}
	right, err := attributesAt(b.directory, b.name, b.status)
	if err != nil {
		return false, false, err
	}
	return true, left.equal(right, kindOf(a.status)), nil
}

func (s *survey) sameContent(a, b original) (bool, error) {
	switch kindOf(a.status) {
	case unix.S_IFREG:
		if a.status.Size != b.status.Size {
			return false, nil
		}
		if s.checksum {
			return sameContent(s.ctx, &s.buffers, a.directory, a.name, b.directory, b.name)
		}
		return a.status.Mtim == b.status.Mtim, nil
	case unix.S_IFLNK:
		left, err := linkText(a.directory, a.name)
		if err != nil {
			return false, err
		}
		right, err := linkText(b.directory, b.name)
		return left == right, err
	case unix.S_IFBLK, unix.S_IFCHR:
		return a.status.Rdev == b.status.Rdev, nil
	}
	return true, nil
}
