package migration

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// migrations lists the migrations in a folder, oldest first: the names of the files that match the pattern, up to their
// first dot. there is false where there is no such folder.
func migrations(machine step.Machine, folder, pattern string) (names []string, there bool, err error) {
	entries, err := machine.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, durable.Explain(err, "the migrations in %s cannot be listed", folder)
	}
	for _, entry := range entries {
		// The pattern was checked with the other arguments.
		if matches, _ := filepath.Match(pattern, entry.Name()); !matches || entry.IsDir() {
			continue
		}
		name, _, _ := strings.Cut(entry.Name(), ".")
		if name == "" || strings.HasPrefix(name, "-") {
			return nil, false, fault.New(fault.Refused, "migration-name", "%s in %s would be taken for an option, not for a migration", entry.Name(), folder).
				WithHint("give a pattern that only migrations match")
		}
		names = append(names, name)
	}
	slices.SortFunc(names, older)
	return slices.Compact(names), true, nil
}

// older orders migrations by the numbers that their names begin with, and then by name: 2_b comes before 10_a. A name
// without a number comes after all that have one.
func older(a, b string) int {
	one, other := number(a), number(b)
	if (one == "") != (other == "") {
		return cmp.Compare(len(other), len(one))
	}
	return cmp.Or(cmp.Compare(len(one), len(other)), cmp.Compare(one, other), cmp.Compare(a, b))
}

// number is what a name begins with, without leading zeros; "0" for zero, "" where it is no number.
func number(name string) string {
	digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
	if stripped := strings.TrimLeft(digits, "0"); stripped != "" || digits == "" {
		return stripped
	}
	return "0"
}

// way is where the database is to go; To is "" where it is to stay.
type way struct {
	// From is the newest migration of the running release, and To the last one that both have.
	From, To string
	// Undone are the migrations between, newest first.
	Undone []string
}

// compare finds the way from the running release's migrations to those that the new one knows too. zero, where it is not
// "", is where to go when the new one has none at all.
func compare(running, new []string, zero string) (way, error) {
	unknown := slices.DeleteFunc(slices.Clone(running), func(name string) bool { return slices.Contains(new, name) })
	if len(unknown) == 0 {
		return way{}, nil
	}
	for _, name := range unknown {
		for _, candidate := range new {
			if number(name) != "" && number(candidate) == number(name) && !slices.Contains(running, candidate) {
				return way{}, fault.New(fault.Refused, "migration-renamed", "the running release has the migration %s, and the new one %s with the same number", name, candidate).
					WithHint("a migration that a device may have run keeps its name for ever: give the new one another number")
			}
		}
	}
	common := 0
	for common < min(len(running), len(new)) && running[common] == new[common] {
		common++
	}
	found := way{From: running[len(running)-1], Undone: slices.Clone(running[common:])}
	slices.Reverse(found.Undone)
	if len(new) == 0 && zero != "" {
		found.To = zero
		return found, nil
	}
	if common == 0 {
		return way{}, fault.New(fault.Refused, "migration-none-common", "the running release and the new one have no migration in common").
			WithHint("the two may be different programs: see folder and pattern, and what is in the two folders")
	}
	found.To = running[common-1]
	if next := running[common]; number(next) != "" && number(next) == number(found.To) {
		return way{}, fault.New(fault.Refused, "migration-forked", "%s and %s have the same number, so going back to the first may leave the second in place", found.To, next).
			WithHint("go by way of a release that has both, or neither")
	}
	return found, nil
}
