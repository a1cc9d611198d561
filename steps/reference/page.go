package reference

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/engine/errorcodes"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Page is the page of a step type in docs/steps, as Markdown.
func Page(one step.Type) string {
	about := one.About()
	var page strings.Builder
	fmt.Fprintf(&page, "# %s\n\n%s.\n\n```yaml\n%s\n```\n\n%s\n", about.Name, about.Summary, asStep(about.Example), strings.TrimSpace(about.Doc))
	fields(&page, "Arguments", one.Arguments().Fields)
	for _, line := range choices(about) {
		fmt.Fprintf(&page, "\n%s\n", line)
	}
	if about.Scalar != "" {
		fmt.Fprintf(&page, "\nA plain value in place of the mapping is `%s`.\n", about.Scalar)
	}
	fields(&page, "Outputs", one.Outputs().Fields)
	fmt.Fprintf(&page, "\n## Effects and undo\n\n")
	for _, effect := range Effects(about) {
		fmt.Fprintf(&page, "- %s\n", effect)
	}
	fmt.Fprintf(&page, "\nUndo: %s.\n", Undo(about))
	if codes := errorcodes.Of(about.Name); len(codes) > 0 {
		fmt.Fprintf(&page, "\n## Errors\n\nBeside those of every step (`gwe explain CODE` tells what each one means):\n\n")
		for _, code := range codes {
			fmt.Fprintf(&page, "- `%s`\n", code)
		}
	}
	return page.String()
}

// Index is docs/steps/README.md.
func Index(catalog step.Catalog) string {
	var page strings.Builder
	page.WriteString("# Step types\n\nEach page is made of the step type itself, as `gwe steps TYPE` is.\n\n| type | what it does | undo |\n| --- | --- | --- |\n")
	for _, one := range catalog {
		about := one.About()
		fmt.Fprintf(&page, "| [%s](%s.md) | %s | %s |\n", about.Name, about.Name, about.Summary, Undo(about))
	}
	return page.String()
}

// asStep writes an example as the element of a list of steps.
func asStep(example string) string {
	return "- " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n  ")
}

func fields(page *strings.Builder, title string, all []value.Field) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(page, "\n## %s\n\n| name | type | | |\n| --- | --- | --- | --- |\n", title)
	for _, field := range all {
		fmt.Fprintf(page, "| `%s` | `%s` | %s | %s |\n", field.Name, field.Type, cell(field.Help), cell(strings.Join(Notes(field), "; ")))
	}
}

// cell keeps a text within its cell of a table.
func cell(text string) string { return strings.NewReplacer("|", "\\|", "<", "\\<").Replace(text) }

// Notes say what an argument or output is beyond its type: "required", "default 60s", "1 to 100".
func Notes(field value.Field) []string {
	var notes []string
	switch {
	case field.Required:
		notes = append(notes, "required")
	case field.Default != "":
		notes = append(notes, "default "+field.Default)
	}
	if len(field.Enum) > 0 {
		notes = append(notes, "one of "+strings.Join(field.Enum, ", "))
	}
	switch {
	case field.Min != "" && field.Max != "":
		notes = append(notes, field.Min+" to "+field.Max)
	case field.Min != "":
		notes = append(notes, "at least "+field.Min)
	case field.Max != "":
		notes = append(notes, "at most "+field.Max)
	}
	if field.With != "" {
		notes = append(notes, "with "+field.With+" only")
	}
	if field.Literal {
		notes = append(notes, "without ${{ }}")
	}
	switch {
	case field.PresentWhen != "":
		notes = append(notes, "there when "+field.PresentWhen)
	case field.Optional:
		notes = append(notes, "may be absent")
	}
	if field.Secrets {
		notes = append(notes, "may hold secrets")
	}
	return notes
}

func choices(about step.About) []string {
	var lines []string
	for _, choice := range about.Choices {
		names := "`" + strings.Join(choice.Names, "`, `") + "`"
		line := "just one of " + names + " is given."
		switch {
		case len(choice.Names) == 1:
			line = names + " is given."
		case choice.Several:
			line = "at least one of " + names + " is given."
		case choice.None:
			line = "at most one of " + names + " is given."
		}
		if choice.If != "" {
			lines = append(lines, fmt.Sprintf("Where `%s` is %s, %s", choice.If, strings.Join(choice.Is, ", "), line))
			continue
		}
		lines = append(lines, strings.ToUpper(line[:1])+line[1:])
	}
	return lines
}

// Effects say what a step type changes, one line each.
func Effects(about step.About) []string {
	var lines []string
	for _, effect := range about.Effects {
		line := fmt.Sprintf("%s %s", effect.Kind, effect.Argument)
		if effect.Argument == "" {
			line = string(effect.Kind) + " a program"
		}
		if effect.If != "" {
			line += fmt.Sprintf(", where %s is %s", effect.If, strings.Join(effect.Is, ", "))
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		lines = append(lines, "none, it only reads")
	}
	return lines
}

// Undo says how a step type is undone.
func Undo(about step.About) string {
	switch {
	case about.Undo != "":
		return about.Undo
	case len(about.Effects) == 0:
		return "nothing to undo"
	}
	return "none of its own: the recipe writes one under undo: or undo-last:, or says effects: none for a step that only looks"
}
