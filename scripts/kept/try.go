package kept

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/gwe-project/gwe/engine/journal"
)

// Undo has the gwe at a path recover or roll back one of the run's ways, on its disk, which is mounted: the
// tree must be the old one then, and nothing may be left to do.
func (r Run) Undo(ctx context.Context, program string, way Way) (said string, err error) {
	s := At(program, r.Type, way)
	end, err := s.Supervise(ctx, r.Daemon)
	if err != nil {
		return "", err
	}
	defer end()
	command := way.undo()
	code, said, err := s.Gwe(command)
	if err != nil || code != 0 {
		return said, errors.Join(err, fmt.Errorf("gwe %s ended with %d", command, code))
	}
	if err := r.wantOld(s); err != nil {
		return said, err
	}
	for _, command := range []string{"recover", "status"} {
		if code, more, err := s.Gwe(command); err != nil || code != 0 {
			return said + more, errors.Join(err, fmt.Errorf("after that, gwe %s ended with %d", command, code))
		}
	}
	return said, r.wantOld(s)
}

func (r Run) wantOld(s Site) error {
	now, err := Picture(s.Path("root"))
	if err == nil && now != r.Old {
		err = fmt.Errorf("the tree is\n%s\nand was\n%s", now, r.Old)
	}
	if state := ""; err == nil && r.Daemon != "" {
		if state = s.Supervised(r.Daemon); state != "RUNNING" {
			err = fmt.Errorf("the program is %q, and was RUNNING", state)
		}
	}
	return err
}

// later is a version of undo data that no gwe knows.
const later = 1000

var versions = regexp.MustCompile(`"undo-data":[0-9]+`)

// RefuseLater lets the way's undo data be of a version that the gwe at a path does not know: it must say so,
// end with 5 and change nothing. Once the version is one that it knows, as it would be to a gwe that wrote
// it, the undo must come to its end.
func (r Run) RefuseLater(ctx context.Context, program string, way Way) (said string, err error) {
	s := At(program, r.Type, way)
	before, err := Picture(s.Path("root"))
	if err != nil {
		return "", err
	}
	if err := s.setVersion(later); err != nil {
		return "", err
	}
	command := way.undo()
	for range 2 {
		code, more, err := s.Gwe(command)
		said += more
		if err != nil || code != 5 || !strings.Contains(more, fmt.Sprintf("has version %d", later)) {
			return said, errors.Join(err, fmt.Errorf("gwe %s ended with %d, and should refuse the version with 5", command, code))
		}
	}
	after, err := Picture(s.Path("root"))
	if err == nil && after != before {
		err = fmt.Errorf("the refused undo has changed the tree: it is\n%s\nand was\n%s", after, before)
	}
	if err == nil {
		err = s.setVersion(r.Version)
	}
	if err != nil {
		return said, err
	}
	more, err := r.Undo(ctx, program, way)
	return said + more, err
}

// setVersion replaces the versions of undo data in the journal, and seals it anew.
func (s Site) setVersion(version int) error {
	return s.Rewrite(func(data []byte) []byte {
		return versions.ReplaceAll(data, fmt.Appendf(nil, `"undo-data":%d`, version))
	})
}

// Rewrite replaces the data of the journal's records.
func (s Site) Rewrite(change func(data []byte) []byte) error {
	file, err := s.Journal()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := journal.Masked(content, change)
	if bytes.Equal(changed, content) {
		return fmt.Errorf("nothing in %s would change", file)
	}
	return os.WriteFile(file, changed, 0o600)
}
