package archive

import (
	"archive/tar"
	"strings"
)

// globalHeader lets the records pass that change no entry: the commit that git archive notes, the label and
// creator that star and GNU tar note, and those of vendors. Others would have to be applied to all entries
// that follow.
func globalHeader(header *tar.Header) error {
	for key, value := range header.PAXRecords {
		switch {
		case key == "GNU.volume.filename", key == "GNU.volume.offset":
			return refuse(header, "archive-entry-type", "it continues a file of another volume").
				WithHint("pack it again as one archive, without --multi-volume")
		case changesEntries(key, value):
			return refuse(header, "archive-entry-type", "it sets %q for all entries, which gwe does not support", key).
				WithHint("pack it again without global records: tar --pax-option is what sets them")
		}
	}
	return nil
}

// changesEntries reports whether a global record would change what the entries after it become.
func changesEntries(key, value string) bool {
	switch key {
	case "comment", "charset", "uname", "gname", "atime", "ctime", "GNU.volume.label", "GNU.volume.size":
		return false // owners are numbers here, and nothing else of these is restored
	case "hdrcharset":
		return value != "BINARY" && value != "ISO-IR 10646 2000 UTF-8" // names are bytes here
	}
	vendor, name, isVendors := strings.Cut(key, ".")
	switch {
	case !isVendors || vendor != strings.ToUpper(vendor):
		return true // one of POSIX
	case vendor == "SCHILY":
		return strings.HasPrefix(name, "xattr.") || name == "realsize"
	case vendor == "GNU":
		return true
	case vendor == "LIBARCHIVE":
		return strings.HasPrefix(name, "xattr.") || name == "symlinktype"
	}
	return false
}
