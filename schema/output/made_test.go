package output_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// maker makes a JSON Schema of Go types: the structure by reflection, descriptions and named values by the
// source.
type maker struct {
	t           *testing.T
	definitions object
	packages    map[string]*source
}

// source is what the Go files of one package say.
type source struct {
	// comments are those of types ("Event") and of fields ("Event.Time").
	comments map[string]string
	// values are the constants of each named type, in their order.
	values map[string][]any
	// constants are the values of them by their names, for comments that name them.
	constants map[string]string
	// meanings are the comments of them, by their type.
	meanings map[string]string
}

const module = "github.com/gwe-project/gwe/"

// schemaOf is a whole schema for a value of one of the types; each line is one where lines is set.
func schemaOf(t *testing.T, title, about string, roots ...any) object {
	m := &maker{t: t, definitions: object{}, packages: map[string]*source{}}
	var any []any
	for _, root := range roots {
		any = append(any, m.of(reflect.TypeOf(root)))
	}
	made := object{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "description": about, "$defs": m.definitions}
	if len(any) > 1 {
		made["anyOf"] = any
		return made
	}
	for key, value := range any[0].(object) {
		made[key] = value
	}
	return made
}

// of is the schema of one type.
func (m *maker) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.of(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": m.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": m.of(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		if t.PkgPath() == "" {
			return object{"type": "string"}
		}
		return m.named(t, func() object { return object{"type": "string", "enum": m.source(t).values[t.Name()]} })
	case reflect.Struct:
		return m.named(t, func() object { return m.structure(t) })
	}
	m.t.Fatalf("no schema for %s", t)
	return nil
}

// named refers to a definition, which is made once.
func (m *maker) named(t reflect.Type, make func() object) object {
	name := t.Name()
	if room := path.Base(t.PkgPath()); !slices.Contains([]string{"engine", "runstate", "program", "plan"}, room) {
		name = room + "." + name
	}
	if _, known := m.definitions[name]; !known {
		m.definitions[name] = nil // it may contain itself
		made := make()
		made["description"] = m.comment(t, t.Name())
		m.definitions[name] = made
	}
	return object{"$ref": "#/$defs/" + name}
}

func (m *maker) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	m.fields(t, properties, &required)
	return object{"type": "object", "properties": properties, "required": required}
}

// fields adds those of a struct, and of the structs that it embeds.
func (m *maker) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && tag == "":
			m.fields(field.Type, properties, required)
			continue
		case !field.IsExported() || tag == "-":
			continue
		case tag == "":
			m.t.Errorf("%s.%s has no name in JSON", t, field.Name)
		}
		made := m.of(field.Type)
		made["description"] = m.comment(t, t.Name()+"."+field.Name)
		properties[tag] = made
		if !strings.Contains(options, "omit") {
			*required = append(*required, tag)
		}
	}
}

// comment is that of a type or a field, with the names that fields have in JSON.
func (m *maker) comment(t reflect.Type, name string) string {
	text := m.source(t).comments[name]
	if t.Kind() == reflect.String {
		text += m.source(t).meanings[name]
	}
	if text == "" {
		m.t.Errorf("%s.%s has no comment: a program that reads it must know what it means", t.PkgPath(), name)
	}
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		field := t.Field(i)
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" && tag != "-" {
			text = regexp.MustCompile(`\b`+field.Name+`\b`).ReplaceAllLiteralString(text, tag)
		}
	}
	for name, value := range m.source(t).constants {
		text = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllLiteralString(text, strconv.Quote(value))
	}
	return text
}

// source reads the package of a type.
func (m *maker) source(t reflect.Type) *source {
	if known := m.packages[t.PkgPath()]; known != nil {
		return known
	}
	read := &source{comments: map[string]string{}, values: map[string][]any{}, constants: map[string]string{}, meanings: map[string]string{}}
	m.packages[t.PkgPath()] = read
	files, err := filepath.Glob(filepath.Join("..", "..", strings.TrimPrefix(t.PkgPath(), module), "*.go"))
	if err != nil || len(files) == 0 {
		m.t.Fatalf("the source of %s is not found: %v", t.PkgPath(), err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			if general, ok := declared.(*ast.GenDecl); ok {
				for _, spec := range general.Specs {
					read.take(general, spec)
				}
			}
		}
	}
	return read
}

func (s *source) take(general *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		s.comments[spec.Name.Name] = said(general.Doc)
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				s.comments[spec.Name.Name+"."+name.Name] = said(field.Doc)
			}
		}
	case *ast.ValueSpec:
		of, ok := spec.Type.(*ast.Ident)
		if general.Tok != token.CONST || !ok {
			return
		}
		for i, value := range spec.Values {
			if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				s.values[of.Name] = append(s.values[of.Name], text)
				s.constants[spec.Names[i].Name] = text
				if spec.Doc != nil {
					s.meanings[of.Name] += " " + said(spec.Doc)
				}
			}
		}
	}
}

func said(comment *ast.CommentGroup) string { return strings.Join(strings.Fields(comment.Text()), " ") }
