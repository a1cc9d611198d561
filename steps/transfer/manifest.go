package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/xattr"
)

// verb is what one change does.
type verb string

const (
	// add renames a staged entry to a path where nothing is.
	add verb = "add"
	// swap exchanges a staged entry and the one at the path: the old one is in the hidden directory from then
	// on.
	swap verb = "swap"
	// remove renames what is at the path into the hidden directory.
	remove verb = "remove"
	// dress gives a directory that stays other attributes, or its time back after changes in it.
	dress verb = "dress"
)

// change is one line of the manifest. The changes of a manifest are independent of each other: none lies at
// or below the path of another one's add, swap or remove. So each can be restored whatever became of the
// others.
type change struct {
	verb verb
	// way is the path in the target; "" is the target itself.
	way string
	// staged is the name in the hidden directory.
	staged string
	// fresh and old are the inode numbers of the new and of the old entry: by them undo knows which one it
	// sees.
	fresh, old uint64
	// before and after are what a directory has.
	before, after attributes
}

const (
	manifestName = "manifest"
	// seal begins the last line, which holds the SHA-256 of all lines before.
	sealWord = "sealed\t"
)

// manifest writes the changes to come into the frame's directory.
type manifest struct {
	file   *os.File
	buffer *bufio.Writer
	sum    hash.Hash
	count  int
}

func newManifest(directory string) (*manifest, error) {
	file, err := regular.Open(filepath.Join(directory, manifestName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, explain(err, "cannot write the list of changes")
	}
	return &manifest{file: file, sum: sha256.New(), buffer: bufio.NewWriterSize(file, 32<<10)}, nil
}

func (m *manifest) write(one change) error {
	m.count++
	fields := []string{string(one.verb), strconv.Quote(one.way)}
	if one.verb == dress {
		fields = append(append(fields, one.before.fields()...), one.after.fields()...)
	} else {
		fields = append(fields, one.staged, strconv.FormatUint(one.fresh, 10), strconv.FormatUint(one.old, 10))
	}
	line := strings.Join(fields, "\t") + "\n"
	_, _ = m.sum.Write([]byte(line)) // never fails
	_, err := m.buffer.WriteString(line)
	return explain(err, "cannot write the list of changes")
}

// seal ends the manifest. From here on, undo restores what it lists; the caller makes it durable before he
// touches the target.
func (m *manifest) seal() error {
	_, err := fmt.Fprintf(m.buffer, "%s%x\n", sealWord, m.sum.Sum(nil))
	return explain(errors.Join(err, m.buffer.Flush()), "cannot write the list of changes")
}

func (m *manifest) close() { _ = m.file.Close() }

// sealed reports whether a frame has a whole manifest: whether anything in its target may have been touched.
// A manifest that was not durable yet is torn where a power cut came: it ends early, or has NULs. One that is
// complete and does not fit its seal is the fault rsync-manifest-damaged.
func sealed(directory string) (bool, error) {
	file, err := regular.Open(filepath.Join(directory, manifestName), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, explain(err, "cannot read the list of changes")
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return false, explain(err, "cannot read the list of changes")
	}
	lines := max(status.Size()-sealLength, 0)
	sum, gaps := sha256.New(), &gapCounter{}
	if _, err := io.Copy(io.MultiWriter(sum, gaps), io.NewSectionReader(file, 0, lines)); err != nil {
		return false, explain(err, "cannot read the list of changes")
	}
	last := make([]byte, status.Size()-lines)
	if _, err := file.ReadAt(last, lines); err != nil && err != io.EOF {
		return false, explain(err, "cannot read the list of changes")
	}
	wanted := fmt.Appendf(nil, "%s%x\n", sealWord, sum.Sum(nil))
	_, _ = gaps.Write(last) // never fails
	switch {
	case bytes.Equal(last, wanted):
		return true, nil
	case gaps.longest > 1:
		return false, nil
	case looksSealed(last, wanted) || gaps.longest == 1:
		return false, manifestDamaged("its checksum is wrong")
	case len(last) == 0 || last[len(last)-1] != '\n':
		return false, nil
	}
	// A gwe from before there were seals gave the file its name when it was whole.
	for _, err := range unsealed(file) {
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// sealLength is the length of the last line.
const sealLength = int64(len(sealWord) + 2*sha256.Size + 1)

// looksSealed reports whether these bytes are a seal, the right one with a few bytes changed or one of other
// lines.
func looksSealed(last, wanted []byte) bool {
	if len(last) != len(wanted) {
		return false
	}
	differ := 0
	for i := range last {
		if last[i] != wanted[i] {
			differ++
		}
	}
	form := bytes.HasPrefix(last, []byte(sealWord)) && bytes.HasSuffix(last, []byte("\n"))
	return form || differ <= 8
}

// gapCounter finds the longest run of NULs: no line has one.
type gapCounter struct{ longest, now int }

// Write implements io.Writer.
func (g *gapCounter) Write(text []byte) (int, error) {
	for _, one := range text {
		if one != 0 {
			g.now = 0
			continue
		}
		g.now++
		g.longest = max(g.longest, g.now)
	}
	return len(text), nil
}

func manifestDamaged(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Errored, "rsync-manifest-damaged", "the list of changes is damaged: "+format, arguments...).
		WithHint("the storage or another program changed it: put right by hand what the step did, then close the run with `gwe resolve`")
}

// unseal forgets the manifest for good.
func unseal(directory string) error {
	if err := os.Remove(filepath.Join(directory, manifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, "cannot forget the list of changes")
	}
	return durable.SyncDirectory(directory)
}

// changes reads a whole manifest.
func changes(directory string) iter.Seq2[change, error] {
	return func(yield func(change, error) bool) {
		file, err := regular.Open(filepath.Join(directory, manifestName), os.O_RDONLY, 0)
		if err != nil {
			yield(change{}, explain(err, "cannot read the list of changes"))
			return
		}
		defer file.Close()
		for one, err := range unsealed(file) {
			if !yield(one, err) {
				return
			}
		}
	}
}

// unsealed reads the lines of a manifest up to its seal, if it has one.
func unsealed(file io.Reader) iter.Seq2[change, error] {
	return func(yield func(change, error) bool) {
		reader := bufio.NewReaderSize(file, 32<<10)
		for {
			line, err := reader.ReadString('\n')
			if err == nil && strings.HasPrefix(line, sealWord) || err == io.EOF && line == "" {
				return
			}
			if err != nil {
				yield(change{}, explain(err, "cannot read the list of changes"))
				return
			}
			one, err := parseChange(strings.TrimSuffix(line, "\n"))
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

func parseChange(line string) (one change, err error) {
	broken := func(cause error) (change, error) {
		return change{}, manifestDamaged("line %q", line).WithCause(cause)
	}
	fields := strings.Split(line, "\t")
	if len(fields) < 5 {
		return broken(nil)
	}
	one.verb = verb(fields[0])
	if one.way, err = strconv.Unquote(fields[1]); err != nil {
		return broken(err)
	}
	if one.verb == dress {
		if len(fields) != 2+2*attributeFields {
			return broken(nil)
		}
		before, beforeErr := parseAttributes(fields[2 : 2+attributeFields])
		after, afterErr := parseAttributes(fields[2+attributeFields:])
		one.before, one.after = before, after
		if err := errors.Join(beforeErr, afterErr); err != nil {
			return broken(err)
		}
		return one, nil
	}
	fresh, freshErr := strconv.ParseUint(fields[3], 10, 64)
	old, oldErr := strconv.ParseUint(fields[4], 10, 64)
	one.staged, one.fresh, one.old = fields[2], fresh, old
	if err := errors.Join(freshErr, oldErr); err != nil || len(fields) != 5 || one.verb != add && one.verb != swap && one.verb != remove {
		return broken(err)
	}
	return one, nil
}

// attributeFields is how many fields attributes have in a line.
const attributeFields = 3

func (a attributes) fields() []string {
	var all strings.Builder
	for _, one := range a.extended {
		fmt.Fprintf(&all, "%s=%s,", hex.EncodeToString([]byte(one.Name)), hex.EncodeToString(one.Value))
	}
	return []string{fmt.Sprintf("%o:%d:%d", a.mode, a.uid, a.gid), fmt.Sprintf("%d:%d", a.modified.Sec, a.modified.Nsec), all.String()}
}

func parseAttributes(fields []string) (found attributes, err error) {
	var seconds, nanoseconds int64
	if _, err := fmt.Sscanf(fields[0], "%o:%d:%d", &found.mode, &found.uid, &found.gid); err != nil {
		return found, err
	}
	if _, err := fmt.Sscanf(fields[1], "%d:%d", &seconds, &nanoseconds); err != nil {
		return found, err
	}
	if found.modified, err = unix.TimeToTimespec(time.Unix(seconds, nanoseconds)); err != nil {
		return found, err
	}
	for text := range strings.SplitSeq(fields[2], ",") {
		if text == "" {
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		name, nameErr := hex.DecodeString(key)
		content, contentErr := hex.DecodeString(value)
		if err := errors.Join(nameErr, contentErr); err != nil {
			return found, err
		}
		found.extended = append(found.extended, xattr.Attribute{Name: string(name), Value: content})
	}
	return found, nil
}
