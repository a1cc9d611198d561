package index

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/fault"
)

// decoder reads the parts of a body. The first error is kept, and what is read after it is zero.
type decoder struct {
	rest []byte
	err  *fault.Fault
}

func (d *decoder) fail(err *fault.Fault) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

func damaged(format string, arguments ...any) *fault.Fault {
	return refuse("index-damaged", "the package's index is damaged: "+format, arguments...).
		WithHint("fetch the package and its index again; if its signature is good, pack the package again")
}

func beyond(what string, have, most uint64) *fault.Fault {
	return refuse("index-limit", "the package's index is refused: %s is %d, and the most is %d", what, have, most).
		WithHint("pack the package again with gwe pack, or without an index: gwe pack --no-index")
}

func (d *decoder) bytes(length int) []byte {
	if d.err != nil || length > len(d.rest) {
		d.fail(damaged("it is cut short"))
		return nil
	}
	taken := d.rest[:length]
	d.rest = d.rest[length:]
	return taken
}

// number reads an unsigned LEB128 number in its shortest form.
func (d *decoder) number(what string, most uint64) int64 {
	if d.err != nil {
		return 0
	}
	number, length := binary.Uvarint(d.rest)
	switch {
	case length == 0:
		d.fail(damaged("it is cut short"))
		return 0
	case length < 0:
		d.fail(beyond(what, math.MaxUint64, most))
		return 0
	case length > 1 && d.rest[length-1] == 0:
		d.fail(damaged("%s is not in its shortest form", what))
		return 0
	case number > most:
		d.fail(beyond(what, number, most))
		return 0
	}
	d.rest = d.rest[length:]
	return int64(number)
}

// signed reads a number in zigzag form.
func (d *decoder) signed(what string) int64 {
	number := uint64(d.number(what, math.MaxInt64))
	return int64(number>>1) ^ -int64(number&1)
}

func (d *decoder) text(what string, most int) string {
	return string(d.bytes(int(d.number("the length of "+what, uint64(most)))))
}

func (d *decoder) digest() (sum Digest) {
	copy(sum[:], d.bytes(len(sum)))
	return sum
}

func (d *decoder) attributes(what string, most, longest, all int) []Attribute {
	count := d.number("the number of "+what, uint64(most))
	var found []Attribute
	sum := 0
	for i := range count {
		one := Attribute{Name: d.text("a name of "+what, PartMaximum), Value: d.text("a value of "+what, longest)}
		if d.err != nil {
			return nil
		}
		if sum += len(one.Value); sum > all {
			d.fail(beyond("the length of "+what, uint64(sum), uint64(all)))
			return nil
		}
		if one.Name == "" || strings.ContainsRune(one.Name, 0) || i > 0 && one.Name <= found[i-1].Name {
			d.fail(damaged("%s are not sorted by name", what))
			return nil
		}
		found = append(found, one)
	}
	return found
}

// entry reads an entry, and checks what can be told by it alone.
func (d *decoder) entry() (e Entry) {
	if kind := d.bytes(1); kind != nil {
		e.Kind = Kind(kind[0])
	}
	e.Path = d.text("a path", PathMaximum)
	if e.Kind != HardLink {
		e.Mode = uint32(d.number("a mode", 0o7777))
		e.UID = uint32(d.number("an owner", math.MaxUint32-1))
		e.GID = uint32(d.number("a group", math.MaxUint32-1))
		e.Seconds = d.signed("a time")
		e.Nanoseconds = uint32(d.number("a fraction of a second", 999_999_999))
	}
	switch e.Kind {
	case File:
		e.Size = d.number("a file's length", TarMaximum)
		e.At = d.number("the place of a content", TarMaximum)
		e.Sum = d.digest()
	case Symlink, HardLink:
		e.Target = d.text("a link's target", PathMaximum)
	case Directory:
	default:
		d.fail(damaged("it has an entry of the unknown kind %q", byte(e.Kind)))
	}
	if e.Kind != HardLink {
		e.Attributes = d.attributes("extended attributes", AttributesMaximum, AttributeBytes, AttributeBytes)
	}
	e.Notes = d.attributes("notes", NotesMaximum, NoteMaximum, NotesMaximum*NoteMaximum)
	return e
}

// Parse reads the body of an index whose signature was found good. The codes of its faults are
// index-damaged, index-limit, index-frames and index-path.
func Parse(body []byte) (*Index, error) {
	if len(body) > BodyMaximum {
		return nil, beyond("its length", uint64(len(body)), BodyMaximum)
	}
	if rest, found := strings.CutPrefix(string(body[:min(len(body), len(Tag))]), Tag); !found || rest != "" {
		return nil, refuse("index-damaged", "what should be the package's index is none, or one of another version").
			WithHint("pack the package with this version of gwe, or unpack it with a newer one")
	}
	d := &decoder{rest: body[len(Tag):]}
	x := &Index{
		Name: d.text("the name", NameMaximum), Product: d.text("the product", NameMaximum), Version: d.text("the version", NameMaximum),
		Content: d.number("the length of the content", TarMaximum), Sum: d.digest(),
		Tar: d.number("the length of the tar", TarMaximum), Tree: d.digest(),
	}
	for _, text := range []string{x.Name, x.Product, x.Version} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			d.fail(damaged("its name, product or version is not plain printable text"))
		}
	}
	if x.Name == "" || strings.Contains(x.Name, "/") || strings.HasPrefix(x.Name, ".") {
		d.fail(refuse("index-path", "the package's index is refused: %q is not a name for a release", x.Name).
			WithHint("pack the package again with gwe pack"))
	}
	d.frames(x)
	x.count = int(d.number("the number of entries", EntriesMaximum))
	x.entries = d.rest
	if d.err != nil {
		return nil, d.err
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	return x, nil
}

// frames reads the table of frames. The frames follow each other without a gap, and end where the content
// and the tar end.
func (d *decoder) frames(x *Index) {
	count := d.number("the number of frames", FramesMaximum)
	const shortest = 2*len(Digest{}) + 3
	if count > int64(len(d.rest)/shortest) {
		d.fail(damaged("it is cut short"))
	}
	if d.err != nil {
		return
	}
	x.Frames = make([]Frame, count)
	var end, at int64
	for i := range x.Frames {
		one := Frame{
			Offset: d.number("the offset of a frame", TarMaximum), Length: d.number("the length of a frame", FrameMaximum), Digest: d.digest(),
			At: at, Size: d.number("the decoded length of a frame", FrameMaximum), Sum: d.digest(),
		}
		switch {
		case d.err != nil:
			return
		case one.Offset < end:
			d.fail(badFrames("frame %d begins at %d, before the end of the one before at %d", i, one.Offset, end))
		case one.Offset > end:
			d.fail(badFrames("bytes %d to %d are in no frame", end, one.Offset))
		case one.Length == 0 || one.Size == 0:
			d.fail(badFrames("frame %d is empty", i))
		}
		end, at = one.Offset+one.Length, at+one.Size
		x.Frames[i] = one
	}
	if end != x.Content {
		d.fail(badFrames("they end at %d, and the content at %d", end, x.Content))
	}
	if at != x.Tar {
		d.fail(badFrames("they decode to %d bytes, and the tar has %d", at, x.Tar))
	}
}

func badFrames(format string, arguments ...any) *fault.Fault {
	return refuse("index-frames", "the frames in the package's index do not fit: "+format, arguments...).
		WithHint("pack the package again with gwe pack")
}
