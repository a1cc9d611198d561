package command

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

// contents is what an index says of a package, for people and as JSON.
type contents struct {
	Name        string `json:"name"`
	Product     string `json:"product"`
	Version     string `json:"version,omitempty"`
	Tree        string `json:"tree"`
	Directories int    `json:"directories"`
	Files       int    `json:"files"`
	Links       int    `json:"links"`
	Bytes       int64  `json:"bytes"`
	Frames      int    `json:"frames"`
	IndexBytes  int64  `json:"index_bytes"`
	// Update is what installing it beside a release would take; nil if no release was named.
	Update  *updateCost     `json:"update,omitempty"`
	Entries []packagedEntry `json:"entries,omitempty"`

	length int64
}

// updateCost is the cost of an update from a release.
type updateCost struct {
	From         string `json:"from"`
	Linked       int    `json:"linked"`
	Written      int    `json:"written"`
	WrittenBytes int64  `json:"written_bytes"`
	Frames       int    `json:"frames"`
	Requests     int    `json:"requests"`
	FetchedBytes int64  `json:"fetched_bytes"`
}

// packagedEntry is an entry of a package.
type packagedEntry struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	Mode   string `json:"mode,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Digest string `json:"sha256,omitempty"`
	Target string `json:"target,omitempty"`
}

// contentsOf sums up an index, and what an update from base would take, if base is not "".
func contentsOf(ctx context.Context, indexed *bundle.Indexed, base string) (*contents, error) {
	held := indexed.Holds()
	made := &contents{
		Name: indexed.Name, Product: indexed.Product, Version: indexed.Version, Tree: hex.EncodeToString(indexed.Tree[:]),
		Directories: held.Directories, Files: held.Files, Links: held.Links, Bytes: held.Bytes,
		Frames: len(indexed.Frames), IndexBytes: indexed.Message, length: indexed.Length,
	}
	if base == "" {
		return made, nil
	}
	update, err := indexed.Against(ctx, base)
	made.Update = &updateCost{
		From: base, Linked: update.Linked, Written: update.Written, WrittenBytes: update.WrittenBytes,
		Frames: update.Frames, Requests: update.Requests, FetchedBytes: update.Fetched,
	}
	return made, err
}

// show prints the summary, in lines that begin with a word.
func (c *contents) show(out io.Writer) error {
	_, err := fmt.Fprintf(out, "  holds      %s (%s), %s, %s\n  index      %s, %s\n  tree       %s\n",
		countOf(c.Files, "file"), sizeText(c.Bytes), countOf(c.Directories, "director"), countOf(c.Links, "link"), countOf(c.Frames, "frame"), sizeText(c.IndexBytes), c.Tree)
	if err != nil || c.Update == nil {
		return err
	}
	u := c.Update
	_, err = fmt.Fprintf(out, "  update     from %s\n  links      %s\n  writes     %s (%s)\n  fetches    %s of %s: %s in %s, and the index\n",
		printable(u.From), countOf(u.Linked, "file"), countOf(u.Written, "file"), sizeText(u.WrittenBytes), sizeText(u.FetchedBytes), sizeText(c.length), countOf(u.Frames, "frame"), countOf(u.Requests, "range"))
	return err
}

// countOf is a number with its noun; a noun that ends in "r" is one that ends in "ry".
func countOf(number int, noun string) string {
	one, many := noun, noun+"s"
	if strings.HasSuffix(noun, "r") {
		one, many = noun+"y", noun+"ies"
	}
	if number == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", number, many)
}

// noIndex is the fault for a question that only an index answers.
func noIndex(path string) error {
	return fault.New(fault.Refused, "package-without-index", "the package %s has no index", path).
		WithHint("gwe pack writes one into packages that are compressed with zstd and are not encrypted; what the others hold, tar lists")
}

// isPackage reports whether an operand of `gwe show` is the path of a package: a run's name has no slash
// and no suffix.
func isPackage(operand string) bool {
	return strings.Contains(operand, "/") || strings.HasSuffix(operand, ".gpg") || strings.HasSuffix(operand, ".zst")
}

// showPackage lists what a package holds, by its index alone.
func showPackage(ctx context.Context, console *console, path string, policy bundle.Policy, base string) error {
	opened, err := bundle.Open(ctx, path)
	if err != nil {
		return err
	}
	defer opened.Close()
	policy.Warn = func(text string) { warn(console, text) }
	indexed, err := opened.Indexed(ctx, policy)
	if err != nil {
		return err
	}
	if indexed == nil {
		return noIndex(path)
	}
	defer indexed.Close()
	made, err := contentsOf(ctx, indexed, base)
	if err != nil {
		return err
	}
	for e := range indexed.Entries() {
		shown := packagedEntry{Kind: kindNames[e.Kind], Path: e.Path, Size: e.Size, Target: e.Target}
		if e.Kind != index.HardLink {
			shown.Mode = fmt.Sprintf("%04o", e.Mode)
		}
		if e.Kind == index.File {
			shown.Digest = hex.EncodeToString(e.Sum[:])
		}
		made.Entries = append(made.Entries, shown)
	}
	if console.global.output == "json" {
		return writeJSON(console.stdout, made)
	}
	fmt.Fprintf(console.stdout, "%s: the signature of its index is good\n  signed by  %s\n             %s\n", indexed.Name, printable(indexed.Signer.UserID), indexed.Signer.Fingerprint)
	if err := made.show(console.stdout); err != nil {
		return err
	}
	fmt.Fprintln(console.stdout)
	table := tabwriter.NewWriter(console.stdout, 2, 0, 2, ' ', 0)
	for _, one := range made.Entries {
		name := printable("./" + one.Path)
		if one.Target != "" {
			name += " -> " + printable(one.Target)
		}
		fmt.Fprintf(table, "  %s\t%s\t%d\t%s\n", one.Kind, one.Mode, one.Size, name)
	}
	return table.Flush()
}

var kindNames = map[index.Kind]string{
	index.Directory: "directory", index.File: "file", index.Symlink: "symlink", index.HardLink: "hard-link",
}
