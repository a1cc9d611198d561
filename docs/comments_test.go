package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// mostColumns is how wide a line of a comment may be, with a tab for four columns.
const mostColumns = 110

// TestCommentsAreNarrow: no line of a comment is wider than can be read beside another file. Tables and
// examples in comments, which are indented, and what stands after code on its line may be wider.
func TestCommentsAreNarrow(t *testing.T) {
	looked := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		looked++
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, source, parser.ParseComments)
		if err != nil {
			return err
		}
		lines := strings.Split(string(source), "\n")
		for _, group := range file.Comments {
			for _, comment := range group.List {
				at := files.PositionFor(comment.Pos(), false)
				line := lines[at.Line-1]
				alone := strings.TrimLeft(line, "\t") == comment.Text
				if !alone || !strings.HasPrefix(comment.Text, "// ") || strings.HasPrefix(comment.Text, "//  ") {
					continue
				}
				if width := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")); width > mostColumns {
					t.Errorf("%s: the line has %d columns, more than %d", at, width, mostColumns)
				}
			}
		}
		return nil
	})
	if err != nil || looked < 500 {
		t.Errorf("%d files were looked at: %v", looked, err)
	}
}
