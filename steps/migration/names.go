package migration

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// migrations lists the migrations in a directory, oldest first: the names of the files that match the
// pattern, up to their first dot. there is false where there is no such directory.
func migrations(machine step.Machine, directory, pattern string) (found release, there bool, err error) {
	entries, err := machine.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return release{}, false, nil
	}
	if err != nil {
		return release{}, false, durable.Explain(err, "the migrations in %s cannot be listed", directory)
	}
	found.squashes = map[string][]string{}
	for _, entry := range entries {
		// The pattern was checked with the other arguments.
		if matches, _ := filepath.Match(pattern, entry.Name()); !matches || entry.IsDir() {
			continue
		}
		name, _, _ := strings.Cut(entry.Name(), ".")
		if name == "" || strings.HasPrefix(name, "-") {
			return release{}, false, fault.New(fault.Refused, "migration-name", "%s in %s would be taken for an option, not for a migration", entry.Name(), directory).
				WithHint("give a pattern that only migrations match")
		}
		found.names = append(found.names, name)
		others, err := replaced(machine, directory, entry.Name())
		if err != nil {
			return release{}, false, err
		}
		if len(others) > 0 {
			found.squashes[name] = others
		}
	}
	slices.SortFunc(found.names, older)
	found.names = slices.Compact(found.names)
	return found, true, nil
}

// older orders migrations by the numbers that their names begin with, and then by name: 2_b comes before
// 10_a. A name without a number comes after all that have one.
func older(a, b string) int {
	one, other := number(a), number(b)
	if (one == "") != (other == "") {
		return cmp.Compare(len(other), len(one))
	}
	return cmp.Or(cmp.Compare(len(one), len(other)), cmp.Compare(one, other), cmp.Compare(a, b))
}

// number is what a name begins with, without leading zeros; "0" for zero, "" where it is not a number.
func number(name string) string {
	digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
	if stripped := strings.TrimLeft(digits, "0"); stripped != "" || digits == "" {
		return stripped
	}
	return "0"
}

// way is where the database is to go; To is "" where it is to stay.
type way struct {
	// App is the key of the directory in directories, "" for the one directory.
	App string `json:"app,omitempty"`
	// From is the newest migration of the running release, to which undo goes, and To the last one that both
	// have.
	From string `json:"from"`
	To   string `json:"to"`
	// Undone are the migrations between, newest first.
	Undone []string `json:"undone"`
}

// compare finds the way from the running release's migrations to those that the new one knows too. zero,
// where it is not "", is where to go when the new one has none at all.
func compare(running, new release, zero string) (way, error) {
	squashes := map[string][]string{}
	maps.Copy(squashes, new.squashes)
	maps.Copy(squashes, running.squashes)
	had, has := running.expand(squashes), new.expand(squashes)
	if known(had, has) {
		return way{}, nil
	}
	if err := renamed(had, has); err != nil {
		return way{}, err
	}
	common := 0
	for common < min(len(had), len(has)) && had[common] == has[common] {
		common++
	}
	found := way{Undone: slices.Clone(had[common:])}
	slices.Reverse(found.Undone)
	var err error
	if found.From, err = running.spoken(had[len(had)-1], had, squashes); err != nil {
		return way{}, err
	}
	if len(has) == 0 && zero != "" {
		found.To = zero
		return found, nil
	}
	if common == 0 {
		return way{}, fault.New(fault.Refused, "migration-none-common", "the running release and the new one have no migration in common").
			WithHint("the two may be different programs, or the new one does not have this application yet: see directory, pattern and zero")
	}
	if next, last := had[common], had[common-1]; number(next) != "" && number(next) == number(last) {
		return way{}, fault.New(fault.Refused, "migration-forked", "%s and %s have the same number, so going back to the first may leave the second in place", last, next).
			WithHint("give the one that came later a higher number, and let it follow the other; or go by way of a release that has both, or neither")
	}
	found.To, err = running.spoken(had[common-1], had[:common], squashes)
	return found, err
}

// returns makes sure, before the database goes forward to the new release, that there would be a way back.
func returns(running, new release) error {
	if len(running.names) == 0 {
		return nil
	}
	back, err := compare(new, running, "zero")
	if err != nil {
		return about("an update to the new release could not be rolled back", err)
	}
	if forward, err := compare(running, new, ""); err != nil || forward.To != "" || back.To == "" {
		return nil // both are at what they have in common when the new release comes
	}
	for _, name := range back.Undone {
		if slices.Contains(running.names, name) {
			return fault.New(fault.Refused, "migration-inserted", "the new release has a migration before %s, which the running release has already: an update to it could not be rolled back", name).
				WithHint("give a new migration a higher number than all that devices may have run, and let it follow these")
		}
	}
	return nil
}

// about says in front of an error of what it tells.
func about(what string, err error) error {
	found := fault.As(err)
	if found == nil {
		return err
	}
	copied := *found
	copied.Message = what + ": " + found.Message
	return &copied
}

// known reports whether the new release has all that the running one had.
func known(had, has []string) bool {
	return !slices.ContainsFunc(had, func(name string) bool { return !slices.Contains(has, name) })
}

// renamed refuses another name for a number.
func renamed(had, has []string) error {
	for _, name := range had {
		for _, candidate := range has {
			if number(name) != "" && number(candidate) == number(name) && !slices.Contains(has, name) && !slices.Contains(had, candidate) {
				return fault.New(fault.Refused, "migration-renamed", "the running release has the migration %s, and the new one %s with the same number", name, candidate).
					WithHint("a migration that a device may have run keeps its name for ever: give the new one another number")
			}
		}
	}
	return nil
}
