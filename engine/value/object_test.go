package value

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/fault"
)

func faultOf(err error) *fault.Fault {
	var found *fault.Fault
	if errors.As(err, &found) {
		return found
	}
	return &fault.Fault{}
}

type inner struct {
	Name string `name:"name" required:"true"`
	Size *Size  `name:"size"`
}

type sample1 struct {
	Into   Path              `name:"into" required:"true" help:"directory"`
	Keep   int               `name:"keep" default:"2"`
	Mode   string            `name:"mode" enum:"a,b" default:"a"`
	Wait   Duration          `name:"wait" default:"90s"`
	Ratio  float64           `name:"ratio"`
	Args   []string          `name:"args"`
	Env    map[string]string `name:"env" secrets:"true"`
	Script string            `name:"script" literal:"true"`
	Inner  []inner           `name:"inner"`
	One    *inner            `name:"one"`
	Pass   Secret            `name:"pass"`
	Any    any               `name:"any"`
	Found  bool              `name:"found"`
	Target *Path             `name:"target" present:"found"`
	List   []Path            `name:"list" default:"[a, b]"`
}

func TestObjectOf(t *testing.T) {
	object := MustObjectOf[sample1]()
	want := "object{into, keep, mode, wait, ratio, args, env, script, inner, one, pass, any, found, target, list}"
	if object.String() != want {
		t.Errorf("%s, want %s", object, want)
	}
	for name, check := range map[string]func(Field) bool{
		"into":   func(f Field) bool { return f.Required && f.Help == "directory" && f.Type.Kind == KindPath },
		"env":    func(f Field) bool { return f.Secrets && f.Type.String() == "map<string>" },
		"script": func(f Field) bool { return f.Literal },
		"target": func(f Field) bool { return f.Optional && f.PresentWhen == "found" },
		"inner":  func(f Field) bool { return f.Type.Elem.Kind == KindObject && f.Type.Elem.Fields[1].Optional },
		"mode":   func(f Field) bool { return len(f.Enum) == 2 && f.Default == "a" },
	} {
		if field, ok := object.Field(name); !ok || !check(field) {
			t.Errorf("%s: %+v", name, field)
		}
	}
	if !object.HoldsSecret() {
		t.Error("the object holds a secret")
	}
}

func TestStructRoundTrip(t *testing.T) {
	values := map[string]any{
		"into": "/opt", "args": []string{"x"}, "env": map[string]any{"A": "b"}, "inner": []any{map[string]any{"name": "n", "size": "1KiB"}, map[string]any{"name": "m"}},
		"pass": "s", "any": []any{1}, "one": nil, "ratio": 1,
	}
	var got sample1
	if err := IntoStruct(values, &got); err != nil {
		t.Fatal(err)
	}
	kib := SizeOf(1024)
	want := sample1{
		Into: "/opt", Keep: 2, Mode: "a", Wait: DurationOf(90 * time.Second), Ratio: 1, Args: []string{"x"}, Env: map[string]string{"A": "b"},
		Inner: []inner{{"n", &kib}, {"m", nil}}, Pass: NewSecret("s"), Any: []any{1}, List: []Path{"a", "b"},
	}
	if difference := cmp.Diff(want, got, cmp.AllowUnexported(Duration{}, Size{})); difference != "" {
		t.Error(difference)
	}
	back, err := FromStruct(got)
	if err != nil {
		t.Fatal(err)
	}
	if back["target"] != nil || back["into"] != "/opt" || back["list"].([]any)[1] != "b" || back["one"] != nil {
		t.Errorf("%v", back)
	}
	var again sample1
	if err := IntoStruct(back, &again); err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(got, again, cmp.AllowUnexported(Duration{}, Size{})); difference != "" {
		t.Error(difference)
	}
}

// TestIntoStructRefuses is the table of what does not bind, with the message and the hint.
func TestIntoStructRefuses(t *testing.T) {
	for _, row := range []struct {
		values        map[string]any
		message, hint string
	}{
		{map[string]any{}, `"into" is missing`, "write /opt/firmware, for example"},
		{map[string]any{"into": "/a", "kepe": 1}, `there is no "kepe" here`, `did you mean "keep"?`},
		{map[string]any{"into": ""}, "into: a path is not empty", ""},
		{map[string]any{"into": 5}, "into: expected a path, found the int 5", `put it in quotes: "5"`},
		{map[string]any{"into": "/a", "keep": "2"}, `keep: expected an int, found the text "2"`, "write 12, for example"},
		{map[string]any{"into": "/a", "mode": "c"}, `mode is "c", which is not one of "a", "b"`, "expected one of: a, b"},
		{map[string]any{"into": "/a", "wait": 90}, "wait: expected a duration, found the int 90", "a duration has a unit: 90s, for example"},
		{map[string]any{"into": "/a", "args": "x"}, `args: expected a list<string>, found the text "x"`, `write ["text"], for example`},
		{map[string]any{"into": "/a", "args": []any{"x", 1}}, "args: element 1: expected a string, found the int 1", `put it in quotes: "1"`},
		{map[string]any{"into": "/a", "env": map[string]any{"A": true}}, "env: A: expected a string, found the bool true", `put it in quotes: "true"`},
		{map[string]any{"into": "/a", "inner": []any{map[string]any{}}}, `inner: element 0: "name" is missing`, `write "text", for example`},
		{map[string]any{"into": "/a", "one": 5}, "one: expected an object", ""},
	} {
		var destination sample1
		found := faultOf(IntoStruct(row.values, &destination))
		if !strings.HasPrefix(found.Message, row.message) || row.hint != "" && found.Hint != row.hint {
			t.Errorf("%v: %q (%q), want %q (%q)", row.values, found.Message, found.Hint, row.message, row.hint)
		}
	}
	if IntoStruct(nil, sample1{}) == nil || IntoStruct(nil, nil) == nil {
		t.Error("values are bound to what is not a pointer")
	}
	if _, err := FromStruct(nil); err == nil {
		t.Error("nothing is a struct")
	}
}

// TestObjectOfRefuses is the table of Go structs that stand for no object.
func TestObjectOfRefuses(t *testing.T) {
	type loop struct {
		Again []struct {
			Bad chan int `name:"bad"`
		} `name:"again"`
	}
	for name, structure := range map[string]any{
		"no struct": 5,
		"no name":   struct{ A int }{},
		"twice": struct {
			A int `name:"a"`
			B int `name:"a"`
		}{},
		"a channel inside": loop{},
		"int keys": struct {
			A map[int]string `name:"a"`
		}{},
		"a default that does not parse": struct {
			A int `name:"a" default:"x"`
		}{},
		"a default that is not in the enum": struct {
			A string `name:"a" enum:"b,c" default:"a"`
		}{},
		"required and a default": struct {
			A int `name:"a" required:"true" default:"1"`
		}{},
		"required and a pointer": struct {
			A *int `name:"a" required:"true"`
		}{},
		"a pointer with a default": struct {
			A *int `name:"a" default:"1"`
		}{},
		"present without a sibling": struct {
			A *int `name:"a" present:"b"`
		}{},
		"present with a sibling that is not a bool": struct {
			A *int `name:"a" present:"b"`
			B int  `name:"b"`
		}{},
		"present on what is not a pointer": struct {
			A int  `name:"a" present:"b"`
			B bool `name:"b"`
		}{},
	} {
		if object, err := ObjectOf(reflect.TypeOf(structure)); err == nil {
			t.Errorf("%s: %s is accepted", name, object)
		}
	}
	type node struct {
		Next []node `name:"next"`
	}
	if _, err := ObjectOf(reflect.TypeFor[node]()); err == nil {
		t.Error("a struct that holds itself is accepted")
	}
}

// TestEmbedded: an embedded struct without tags gives its fields, in both directions.
func TestEmbedded(t *testing.T) {
	type Shared struct {
		Number int      `name:"number" default:"5"`
		At     Location `name:"at"`
	}
	type outer struct {
		Into Path `name:"into"`
		Shared
		Last string `name:"last"`
	}
	object := MustObjectOf[outer]()
	if is := object.String(); is != "object{into, number, at, last}" {
		t.Error(is)
	}
	var got outer
	if err := IntoStruct(map[string]any{"into": "/a", "at": "https://example.org/x", "last": "z"}, &got); err != nil {
		t.Fatal(err)
	}
	if want := (outer{"/a", Shared{5, "https://example.org/x"}, "z"}); got != want {
		t.Errorf("%+v", got)
	}
	back, err := FromStruct(got)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(map[string]any{"into": "/a", "number": 5, "at": "https://example.org/x", "last": "z"}, back); difference != "" {
		t.Error(difference)
	}
	type twice struct {
		Shared
		Again int `name:"number"`
	}
	if _, err := ObjectOf(reflect.TypeFor[twice]()); err == nil {
		t.Error("a name that is there twice is accepted")
	}
}

func TestLocation(t *testing.T) {
	of := MustObjectOf[struct {
		At   Location `name:"at"`
		Path Path     `name:"path"`
	}]()
	at, _ := of.Field("at")
	path, _ := of.Field("path")
	for text, want := range map[string][2]bool{
		"/opt/x": {true, true}, "https://example.org/x": {true, false}, "http://h/x": {true, false},
		"x": {}, "ftp://h/x": {}, "HTTP://h": {}, "": {},
	} {
		if is := [2]bool{at.Type.IsAbsolute(text), path.Type.IsAbsolute(text)}; is != want {
			t.Errorf("%q: %v", text, is)
		}
	}
}
