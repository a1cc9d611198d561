package expression

import (
	"github.com/gwe-project/gwe/engine/value"
)

// testScope is what the tables of the tests read.
func testScope() Scope {
	kind := value.Of
	object := value.Object
	return NewScope().
		With("inputs", object(
			value.Field{Name: "package", Type: kind(value.KindPath)},
			value.Field{Name: "name", Type: kind(value.KindString)},
			value.Field{Name: "keep", Type: kind(value.KindInt)},
			value.Field{Name: "ratio", Type: kind(value.KindFloat)},
			value.Field{Name: "force", Type: kind(value.KindBool)},
			value.Field{Name: "version", Type: kind(value.KindVersion)},
			value.Field{Name: "limit", Type: kind(value.KindSize)},
			value.Field{Name: "wait", Type: kind(value.KindDuration)},
			value.Field{Name: "hosts", Type: value.ListOf(kind(value.KindString))},
			value.Field{Name: "labels", Type: value.MapOf(kind(value.KindString))},
			value.Field{Name: "token", Type: kind(value.KindSecret)},
		)).
		With("steps", object(
			value.Field{Name: "fw", Type: object(
				value.Field{Name: "path", Type: kind(value.KindPath)},
				value.Field{Name: "size", Type: kind(value.KindSize)},
				value.Field{Name: "files", Type: value.ListOf(object(
					value.Field{Name: "name", Type: kind(value.KindString)},
					value.Field{Name: "bytes", Type: kind(value.KindInt)},
				))},
			)},
			value.Field{Name: "current", Type: object(
				value.Field{Name: "found", Type: kind(value.KindBool)},
				value.Field{Name: "target", Type: kind(value.KindPath), Optional: true, PresentWhen: "found"},
			)},
			value.Field{Name: "extra", Optional: true, Type: object(
				value.Field{Name: "path", Type: kind(value.KindPath)},
				value.Field{Name: "found", Type: kind(value.KindBool)},
				value.Field{Name: "target", Type: kind(value.KindPath), Optional: true, PresentWhen: "found"},
			)},
		)).
		With("result", kind(value.KindAny))
}

// testNames are values of testScope; steps.extra was skipped and current has no target.
func testNames() map[string]any {
	parse := func(kind value.Kind, text string) any {
		v, err := value.Parse(value.Of(kind), text)
		if err != nil {
			panic(err)
		}
		return v
	}
	return map[string]any{
		"inputs": map[string]any{
			"package": "/tmp/fw-2.tar.zst.gpg", "name": "fw.tgz", "keep": 2, "ratio": 0.5, "force": false,
			"version": parse(value.KindVersion, "1.10.0"), "limit": parse(value.KindSize, "400MiB"), "wait": parse(value.KindDuration, "90s"),
			"hosts": []any{"b", "a", "c"}, "labels": map[string]any{"site": "x", "area": "y"}, "token": value.NewSecret("hunter2"),
		},
		"steps": map[string]any{
			"fw": map[string]any{
				"path": "/opt/fw/2", "size": parse(value.KindSize, "10MiB"),
				"files": []any{map[string]any{"name": "a", "bytes": 3}, map[string]any{"name": "b", "bytes": 5}},
			},
			"current": map[string]any{"found": false, "target": nil},
			"extra":   nil,
		},
		"result": map[string]any{"status": 200, "items": []any{1, "two"}},
	}
}
