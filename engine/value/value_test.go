package value

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseType(t *testing.T) {
	for _, text := range []string{"string", "int", "bool", "float", "duration", "size", "path", "url", "version", "secret", "list<path>", "map<int>", "map<list<duration>>"} {
		parsed, err := ParseType(text)
		if err != nil || parsed.String() != text {
			t.Errorf("%s is %s, %v", text, parsed, err)
		}
	}
	for text, hint := range map[string]string{
		"strng": `did you mean "string"?`, "lst<int>": `did you mean "list<string>"?`, "list": "write list<string>, for example", "map<>": "write map<string>, for example",
		"list<strin>": `did you mean "string"?`, "int<string>": "write int", "list<int": "write list<string>, for example", "": "the types are", "any": "the types are",
		"object": "write map<string>", "list <int>": "", "list<list<list<list<list<list<list<list<list<list<int>>>>>>>>>>": "", "String": `did you mean "string"?`,
	} {
		parsed, err := ParseType(text)
		if err == nil {
			t.Errorf("%q is accepted as %s", text, parsed)
			continue
		}
		if got := typeFaultHint(err); !strings.HasPrefix(got, hint) {
			t.Errorf("%q: %q, want %q", text, got, hint)
		}
	}
}

func typeFaultHint(err error) string { return faultOf(err).Hint }

func TestTypeEqual(t *testing.T) {
	a := Object(Field{Name: "x", Type: ListOf(Of(KindInt)), Help: "help"}, Field{Name: "y", Type: Of(KindBool)})
	b := Object(Field{Name: "y", Type: Of(KindBool)}, Field{Name: "x", Type: ListOf(Of(KindInt))})
	if !a.Equal(b) || a.Equal(Object(a.Fields[0])) || ListOf(a).Equal(MapOf(a)) || ListOf(Of(KindInt)).Equal(ListOf(Of(KindFloat))) {
		t.Error("types are compared wrongly")
	}
	b.Fields[0].Optional = true
	if a.Equal(b) {
		t.Error("an optional field equals a required one")
	}
}

// TestParse is the table of what is read from text, and of the error for what is not.
func TestParse(t *testing.T) {
	for _, row := range []struct {
		t, text, want string // want is the value's JSON, or "!" and a part of the error
	}{
		{"string", " a ", `" a "`}, {"string", "", `""`}, {"int", "12", "12"}, {"int", "-5", "-5"}, {"int", "12abc", "! not a whole number"},
		{"int", "+5", "!"}, {"int", "0x10", "!"}, {"int", "1_000", "!"}, {"int", " 1", "!"}, {"int", "", "!"}, {"int", "1.0", "!"}, {"int", "99999999999999999999", "! too big"},
		{"bool", "true", "true"}, {"bool", "false", "false"}, {"bool", "yes", "! neither true nor false"}, {"bool", "True", "!"}, {"bool", "1", "!"},
		{"float", "1.5", "1.5"}, {"float", "2", "2.0"}, {"float", "1e3", "1000.0"}, {"float", "inf", "!"}, {"float", "NaN", "!"}, {"float", "0x1p4", "!"}, {"float", "1e999", "!"},
		{"duration", "90s", `"1m30s"`}, {"duration", "90", "! has no unit"}, {"size", "400MiB", `"400MiB"`}, {"size", "400", "! has no unit"},
		{"version", "v1.2", `"v1.2"`}, {"version", "new", "! not a version"}, {"path", "a/b", `"a/b"`}, {"path", "", "! not empty"}, {"path", "a\x00b", "! NUL"},
		{"url", "https://h/p?q", `"https://h/p?q"`}, {"url", "file:///a", `"file:///a"`}, {"url", "h/p", "! absolute URL"}, {"url", "http://", "!"}, {"url", "mailto:a@b", "!"},
		{"list<string>", "[a, 1, true, 2024-01-01]", `["a","1","true","2024-01-01"]`}, {"list<int>", "[1, 2]", "[1,2]"}, {"list<int>", `[1, "x"]`, "! element 1: "},
		{"list<version>", "[1.10, 1.9]", `["1.10","1.9"]`}, {"list<string>", "a", "! expected a list<string>"}, {"list<string>", "[a", "! cannot be read"},
		{"list<string>", "[a, null]", "! found nothing"}, {"list<string>", "[a, [b]]", "! found a list"}, {"list<string>", "[&x a, *x]", "! anchors"}, {"list<string>", "[!!int 1]", "! tags"},
		{"list<string>", "- a\n- b", `["a","b"]`}, {"list<string>", "[a]\n---\n[b]", "! after its end"}, {"list<string>", "", "!"},
		{"map<int>", "{a: 1, b: 2}", `{"a":1,"b":2}`}, {"map<int>", "{a: 1, a: 2}", "! there twice"}, {"map<int>", "{[a]: 1}", "! plain string"}, {"map<string>", "{<<: {a: b}}", "! plain string"},
		{"map<list<string>>", `{"a": ["b"]}`, `{"a":["b"]}`},
	} {
		parsedType, err := ParseType(row.t)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(parsedType, row.text)
		if part, wrong := strings.CutPrefix(row.want, "!"); wrong {
			if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(part)) {
				t.Errorf("%s %q: %v, %v; want an error with %q", row.t, row.text, got, err, part)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %q: %v", row.t, row.text, err)
			continue
		}
		raw, err := ToJSON(parsedType, got)
		if err != nil || string(raw) != row.want {
			t.Errorf("%s %q is %s, %v; want %s", row.t, row.text, raw, err, row.want)
		}
	}
}

// TestConvert is the table of what becomes what, and of what does not.
func TestConvert(t *testing.T) {
	for _, row := range []struct {
		kind Kind
		from any
		want any
		hint string
	}{
		{KindString, "a", "a", ""}, {KindString, Path("/a"), "/a", ""}, {KindString, 5, nil, `put it in quotes: "5"`}, {KindString, true, nil, `put it in quotes: "true"`},
		{KindInt, 5, 5, ""}, {KindInt, int64(5), 5, ""}, {KindInt, uint64(5), 5, ""}, {KindInt, json.Number("5"), 5, ""}, {KindInt, 5.0, nil, "write 12"}, {KindInt, "5", nil, "write 12"},
		{KindInt, uint64(math.MaxUint64), nil, ""}, {KindFloat, 5, 5.0, ""}, {KindFloat, 0.5, 0.5, ""}, {KindFloat, math.NaN(), nil, ""}, {KindFloat, "0.5", nil, ""},
		{KindBool, true, true, ""}, {KindBool, "true", nil, "write true"}, {KindBool, 1, nil, ""}, {KindVersion, 1.10, nil, `put it in quotes: "1.1"`},
		{KindDuration, "90s", DurationOf(90 * time.Second), ""}, {KindDuration, 90, nil, "a duration has a unit: 90s"}, {KindDuration, SizeOf(1), nil, ""},
		{KindSize, "1KiB", SizeOf(1024), ""}, {KindSize, 10, nil, "a size has a unit"}, {KindSecret, "x", NewSecret("x"), ""}, {KindSecret, 5, nil, "put it in quotes"}, {KindString, NewSecret("x"), nil, ""},
		{KindPath, "", nil, ""}, {KindString, nil, nil, ""}, {KindString, time.Time{}, nil, ""}, {KindAny, []string{"a"}, []any{"a"}, ""},
		{KindAny, map[any]any{"a": int64(1)}, map[string]any{"a": 1}, ""}, {KindAny, map[int]string{1: "a"}, nil, "put it in quotes"}, {KindAny, nil, nil, ""}, {KindAny, make(chan int), nil, ""},
	} {
		got, err := Convert(Of(row.kind), row.from)
		if row.want == nil && row.from != nil || row.kind == KindString && row.from == nil {
			if err == nil || !strings.HasPrefix(faultOf(err).Hint, row.hint) {
				t.Errorf("%s from %v: %v, %v; want an error with the hint %q", row.kind, row.from, got, err, row.hint)
			}
			continue
		}
		if difference := cmp.Diff(row.want, got, cmp.AllowUnexported(Duration{}, Size{})); difference != "" || err != nil {
			t.Errorf("%s from %v: %v %s", row.kind, row.from, err, difference)
		}
	}
}

// TestJSONRoundTrip makes sure that what the journal keeps comes back as it was, bytes that are not UTF-8
// included.
func TestJSONRoundTrip(t *testing.T) {
	object := Object(
		Field{Name: "s", Type: Of(KindString)}, Field{Name: "p", Type: Of(KindPath)}, Field{Name: "f", Type: Of(KindFloat)}, Field{Name: "v", Type: Of(KindVersion)},
		Field{Name: "l", Type: ListOf(Of(KindString))}, Field{Name: "m", Type: MapOf(Of(KindSize))}, Field{Name: "o", Type: Of(KindPath), Optional: true},
		Field{Name: "d", Type: Of(KindDuration)}, Field{Name: "any", Type: Of(KindAny)}, Field{Name: "i", Type: Of(KindInt)},
	)
	version, _ := ParseVersion("1.10")
	was := map[string]any{
		"s": "a\xff\x00b\u2028<>&é", "p": "/\xc3\x28\xff", "f": 5.0, "v": version, "l": []any{"\xfe", ""}, "m": map[string]any{"\xff": SizeOf(3), "\x00": SizeOf(0)},
		"o": nil, "d": DurationOf(time.Minute), "any": map[string]any{"x": []any{1, 1.0, nil, true, "\xff"}}, "i": math.MaxInt,
	}
	raw, err := ToJSON(object, was)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(raw) {
		t.Fatalf("%s is not JSON", raw)
	}
	got, err := FromJSON(object, raw)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(was, got, cmp.AllowUnexported(Duration{}, Size{})); difference != "" {
		t.Error(difference)
	}
	// An output that a step type left empty is kept, and what another gwe wrote is read.
	if raw, err := ToJSON(object, map[string]any{"p": "", "v": Version{}}); err != nil || string(raw) != `{"p":"","v":""}` && !strings.Contains(string(raw), `"o":null`) {
		t.Errorf("%s, %v", raw, err)
	}
	if got, err := FromJSON(object, json.RawMessage(`{"new": 1, "i": 2, "v": ""}`)); err != nil || got.(map[string]any)["i"] != 2 {
		t.Errorf("%v, %v", got, err)
	}
	for _, raw := range []string{"", "{", "{} {}", `{"i": "x"}`, `{"i": 1.5}`, `{"s": 1}`, `{"s": "\u0000"}`, `{"s": "\u0000zz"}`, `{"l": {}}`, `{"m": []}`, `{"s": []}`, `{"s": {}}`} {
		if got, err := FromJSON(object, json.RawMessage(raw)); err == nil {
			t.Errorf("%s is read as %v", raw, got)
		}
	}
}

func TestText(t *testing.T) {
	for want, v := range map[string]any{
		"a": "a", "5": 5, "0.5": 0.5, "1m30s": DurationOf(90 * time.Second), "400MiB": SizeOf(400 << 20), "true": true, "***": NewSecret("x"), "null": nil,
		`{"a":"<","b":[1,null,"1m"]}`: map[string]any{"b": []any{1, nil, DurationOf(time.Minute)}, "a": "<"}, `["x"]`: []string{"x"},
	} {
		if got := Text(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

func TestClosest(t *testing.T) {
	for name, want := range map[string]string{"wehn": "when", "WHEN": "when", "undo_timeout": "undo-timeout", "undotimeout": "undo-timeout", "x": "", "": "", "zzzz": "", "whe": "when", "ab": ""} {
		if got := Closest(name, []string{"when", "until", "undo", "undo-timeout"}); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func FuzzParseType(f *testing.F) {
	for _, seed := range []string{"string", "list<path>", "map<list<int>>", "list<", "list<>>", "lst<int>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseType(text)
		if err == nil && parsed.String() != text {
			t.Fatalf("%q is %s", text, parsed)
		}
	})
}

// FuzzParse looks for panics, and for values that do not survive the journal.
func FuzzParse(f *testing.F) {
	types := []string{"string", "int", "bool", "float", "duration", "size", "path", "url", "version", "list<string>", "map<int>", "list<map<version>>", "map<float>"}
	for i, seed := range []string{"a\xff", "1", "true", "1.5", "1h", "1.5GB", "/a", "https://h", "1.2-rc.1+b", "[a, b]", "{a: 1}", "[{a: 1.10}]", "{a: 1e3}"} {
		f.Add(i, seed)
	}
	f.Fuzz(func(t *testing.T, index int, text string) {
		parsedType, err := ParseType(types[uint(index)%uint(len(types))])
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := Parse(parsedType, text)
		if err != nil {
			return
		}
		raw, err := ToJSON(parsedType, parsed)
		if err != nil {
			t.Fatalf("%v is not written: %v", parsed, err)
		}
		again, err := FromJSON(parsedType, raw)
		if difference := cmp.Diff(parsed, again, cmp.AllowUnexported(Duration{}, Size{})); err != nil || difference != "" {
			t.Fatalf("%s: %v %s", raw, err, difference)
		}
	})
}
