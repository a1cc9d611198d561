package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/schema"
)

var problem = schema.Diagnostics{{
	Severity: schema.Error, Rule: "unknown-key", File: "a, b.yaml", Span: span(3, 5, 4), Message: "100% wrong", Hint: "did you mean\n\"when\"?",
}}

func TestRenderGitHub(t *testing.T) {
	var shown strings.Builder
	if err := problem.RenderGitHub(&shown); err != nil {
		t.Fatal(err)
	}
	const wanted = "::error file=a%2C b.yaml,line=3,col=5,endColumn=9,title=unknown-key::100%25 wrong (did you mean%0A\"when\"?)\n"
	if shown.String() != wanted {
		t.Errorf("%s", shown.String())
	}
}

func TestRenderSARIF(t *testing.T) {
	var shown strings.Builder
	if err := problem.RenderSARIF(&shown, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Name, Version string }
			}
			ColumnKind string
			Results    []struct {
				RuleID, Level string
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(shown.String()), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	place := run.Results[0].Locations[0].PhysicalLocation
	got := []any{log.Version, run.Tool.Driver.Name, run.Tool.Driver.Version, run.ColumnKind, run.Results[0].RuleID, run.Results[0].Level,
		run.Results[0].Message.Text, place.ArtifactLocation.URI, place.Region.StartLine, place.Region.StartColumn, place.Region.EndColumn}
	wanted := []any{"2.1.0", "gwe", "1.2.3", "unicodeCodePoints", "unknown-key", "error", "100% wrong: did you mean\n\"when\"?", "a,%20b.yaml", 3, 5, 9}
	if difference := cmp.Diff(wanted, got); difference != "" {
		t.Error(difference)
	}
	shown.Reset()
	if err := (schema.Diagnostics{}).RenderSARIF(&shown, ""); err != nil || !strings.Contains(shown.String(), `"results": []`) {
		t.Errorf("%v: no problems are an empty list, not none: %s", err, shown.String())
	}
}
