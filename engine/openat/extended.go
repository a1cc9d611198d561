package openat

import "github.com/gwe-project/gwe/engine/xattr"

// Attributes gives the extended attributes of what was opened.
func (e *Entry) Attributes() xattr.Place { return xattr.Through(e.handle) }
