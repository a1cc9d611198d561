package plugin_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps"
)

// Every type of gwe's own could be a plugin: its description says all of it, and reads back as it was.
func TestDescriptionsOfTheCatalog(t *testing.T) {
	for _, one := range steps.Catalog() {
		name := one.About().Name
		description, err := plugin.Of(one)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read, err := plugin.ReadDescription(name, description.Text())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back := plugin.New(read, "", false)
		if !back.Outputs().Equal(one.Outputs()) || len(back.Arguments().Fields) != len(one.Arguments().Fields) {
			t.Errorf("%s: comes back with other outputs or arguments", name)
		}
		for i, field := range one.Arguments().Fields {
			if is := back.Arguments().Fields[i]; is.Name != field.Name || is.Type.String() != field.Type.String() || is.Help != field.Help ||
				is.Required != field.Required || is.Pattern != field.Pattern || is.Min != field.Min || is.Max != field.Max || is.With != field.With || is.Secrets != field.Secrets || is.Literal != field.Literal || len(is.Enum) != len(field.Enum) {
				t.Errorf("%s: the argument %+v comes back as %+v", name, field, is)
			}
		}
		about := one.About()
		about.MakesDirectory = false // a plugin finds its directory made
		if !reflect.DeepEqual(back.About(), about) {
			t.Errorf("%s: comes back as %+v", name, back.About())
		}
		if !bytes.Equal(read.Text(), description.Text()) {
			t.Errorf("%s: written again it differs:\n%s\n%s", name, description.Text(), read.Text())
		}
	}
}

const plainDescription = `{"protocol":1,"type":"plain","summary":"Do","effects":[],"also":["release"],"arguments":{"type":"object","properties":{"file":{"type":"string","format":"path"}}}}`

func TestInvalidDescriptions(t *testing.T) {
	if _, err := plugin.ReadDescription("plain", []byte(plainDescription)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ from, to, want string }{
		{plainDescription, "", "cannot be read"},
		{plainDescription, "[]", "cannot be read"},
		{plainDescription, plainDescription + "{}", "after its end"},
		{plainDescription, strings.Repeat("[", 1000), "nested more than 64 deep"},
		{plainDescription, strings.Repeat(" ", 2<<20), "1024 KiB is the most"},
		{`"protocol":1`, `"protocol":2,"news":1`, "version 2 of the protocol, and this gwe version 1"},
		{`"protocol":1,`, ``, "version 0 of the protocol"},
		{`"type":"plain"`, `"type":"other"`, `describes the type "other", and "plain" was asked for`},
		{`"summary":"Do"`, `"summary":"Do\nit"`, "not a line of text"},
		{`"summary":"Do"`, `"sumary":"Do"`, `unknown field "sumary"`},
		{`"effects":[]`, `"effects":[{"kind":"eats","argument":"file"}]`, `no effect "eats"`},
		{`"effects":[]`, `"effects":[{"kind":"writes","argument":"folder"}]`, `argument "folder", which is not described`},
		{`"effects":[]`, `"effects":[{"kind":"writes"}]`, `argument "", which is not described`},
		{`"release"`, `"do"`, `also lists "do"`},
		{`"also"`, `"scalar":"x","also"`, `scalar names the argument "x"`},
		{`"also"`, `"executable":{"sha256":"12"},"also"`, "not a SHA-256"},
		{`"file":`, `"File":`, `the argument "File" has no name of one`},
		{`"format":"path"`, `"format":"date"`, `arguments: file: the format "date" is none of gwe's`},
		{`"format":"path"`, `"maxLength":1`, `unknown field "maxLength"`},
		{`"format":"path"`, `"pattern":"x"`, `the pattern "x" cannot be used`},
		{`"format":"path"`, `"pattern":"^($"`, "cannot be used"},
		{`"format":"path"`, `"pattern":"^a\\$"`, "cannot be used"},
		{`"format":"path"`, `"format":"size","x-minimum":"3"`, "not a bound of the type size"},
		{`"format":"path"`, `"x-minimum":"3"`, "not a bound of the type string"},
		{`"type":"string","format":"path"`, `"type":"integer","minimum":1.5`, "not a bound of the type int"},
		{`"format":"path"`, `"x-with":"folder"`, `x-with of "file" names "folder"`},
		{`"effects":[]`, `"choices":[{"names":["folder"]}]`, `choices names the argument "folder"`},
		{`"type":"string","format":"path"`, `"type":"text"`, `the type "text" cannot be understood`},
		{`"type":"string","format":"path"`, `"type":"array"`, `the type "array" cannot be understood`},
		{`"type":"string","format":"path"`, `"type":"integer","default":"x"`, "default: "},
		{`"type":"string","format":"path"`, `"type":"integer","enum":["x"]`, "enum: "},
		{`"type":"string","format":"path"`, `"type":"string","enum":["x"],"default":"y"`, `the default "y" is not in enum`},
		{`"type":"string","format":"path"`, `"type":"string","x-present-when":"file"`, "x-present-when"},
		{`"properties":{"file"`, `"required":["mode"],"properties":{"file"`, `required names "mode"`},
		{`"properties":{"file"`, `"properties":{"file":{"type":"string"},"file"`, "there twice"},
		{`{"type":"object","properties":{"file":{"type":"string","format":"path"}}}`, `{"type":"string"}`, "not a JSON Schema of an object"},
	} {
		text := strings.Replace(plainDescription, test.from, test.to, 1)
		_, err := plugin.ReadDescription("plain", []byte(text))
		if err == nil || !strings.Contains(err.Error(), test.want) || fault.As(err) == nil {
			t.Errorf("%.200s\ngot %v, want %s", text, err, test.want)
		}
	}
	for _, name := range []string{"steps", "undo", "Plain", "a_b", "-a"} {
		text := strings.Replace(plainDescription, `"type":"plain"`, `"type":"`+name+`"`, 1)
		if _, err := plugin.ReadDescription(name, []byte(text)); err == nil {
			t.Errorf("the type %s passes", name)
		}
	}
}

func FuzzReadDescription(f *testing.F) {
	f.Add([]byte(plainDescription))
	f.Add([]byte(liarDescription))
	for _, one := range steps.Catalog() {
		if description, err := plugin.Of(one); err == nil {
			f.Add(description.Text())
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, name := range []string{"plain", "liar"} {
			read, err := plugin.ReadDescription(name, text)
			if err != nil {
				continue
			}
			again, err := plugin.ReadDescription(name, read.Text())
			if err != nil {
				t.Fatalf("what was read does not read again: %v\n%s", err, read.Text())
			}
			if !bytes.Equal(again.Text(), read.Text()) {
				t.Fatalf("written again it differs:\n%s\n%s", read.Text(), again.Text())
			}
			if _, err := plugin.New(read, "", false).Plan(t.Context(), step.Local{}, map[string]any{}); err != nil && fault.As(err) == nil {
				t.Fatalf("a plan gives %v", err)
			}
		}
	})
}
