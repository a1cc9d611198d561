package transfer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/randomtree"

	"github.com/gwe-project/gwe/engine/value"
)

// TestLikeTheRealRsync copies and updates random trees with the step and with the real program, and wants the
// same trees, entry by entry; then it undoes, and wants the old ones.
func TestLikeTheRealRsync(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { likeRsync(t, seed) })
	}
}

func likeRsync(t *testing.T, seed uint64) {
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	g := randomtree.New(t, seed)
	check(t, os.Mkdir(at("source"), 0o755))
	g.Fill(at("source"), 3)
	g.Dress(at("source"))

	first := newFrame(t, arguments{Source: at("source"), Target: at("ours")})
	first.do()
	first.release()
	realRsync(t, at("source")+"/", at("theirs"))
	differ(t, "first copy", snapshot(t, at("theirs")), snapshot(t, at("ours")))
	differ(t, "source", snapshot(t, at("source")), snapshot(t, at("ours")))

	// The target has got changes of its own, too.
	g.Mutate(at("source"))
	realRsync(t, at("source")+"/", at("dest"))
	other := randomtree.New(t, seed+1000)
	other.Mutate(at("ours"))
	check(t, os.RemoveAll(at("theirs")))
	copied(t, at("ours"), at("theirs"))
	before := snapshot(t, at("ours"))
	differ(t, "the copy of the target", before, snapshot(t, at("theirs")))

	a := arguments{Source: at("source"), Target: at("ours"), Delete: true, Checksum: seed%3 == 0}
	options := []string{"--delete"}
	if a.Checksum {
		options = append(options, "--checksum")
	}
	if seed%2 == 0 {
		a.LinkDest = []value.Path{value.Path(at("none")), value.Path(at("dest"))}
		options = append(options, "--link-dest="+at("dest2"))
		copied(t, at("dest"), at("dest2"))
	}
	if seed%5 == 0 {
		a.Exclude, a.Include = []string{"c.log", "cache/", "/a/*"}, []string{"/a/b"}
		options = append(options, "--include=/a/b", "--exclude=c.log", "--exclude=cache/", "--exclude=/a/*")
	}
	update := newFrame(t, a)
	outputs, err := update.try(t.Context())
	if code(err) == "rsync-in-the-way" {
		update.undo()
		differ(t, "undo after a refusal", before, snapshot(t, at("ours")))
		return
	}
	check(t, err)
	realRsync(t, append(options, at("source")+"/", at("theirs"))...)
	update.undo()
	differ(t, "undo", before, snapshot(t, at("ours")))
	update.do()
	update.release()
	theirs, ours := snapshot(t, at("theirs")), snapshot(t, at("ours"))
	for way := range ours {
		// A directory that stays for what is excluded in it keeps its time with us. The real rsync lets it
		// go.
		if _, err := os.Lstat(at("source") + "/" + way); err != nil && len(a.Exclude) > 0 && theirs[way] != "" && ours[way][0] == '4' {
			delete(theirs, way)
			delete(ours, way)
		}
	}
	differ(t, "update", theirs, ours)
	if !outputs.Changed {
		t.Error("nothing changed")
	}
}
