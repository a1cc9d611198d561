// Package plugin is the plugin protocol, both sides: step types that live in executables of their own, in any
// language.
//
// An executable gwe-step-<type> is started once for each operation. It reads one JSON line from its standard
// input (the request), and writes JSON lines to its standard output: log lines and progress, then one result
// or one error. docs/plugins.md is the protocol for those who write one.
//
//	protocol.go     the messages
//	description.go  what a plugin says of itself, and the file beside it
//	jsonschema.go   its arguments and outputs as JSON Schema
//	directory.go       where plugins are found
//	executable.go   which file it is: digest, who may write it
//	type.go         a plugin as a step.Type; call.go carries one operation out, answer.go reads what comes back
//	serve.go        the other side: a step.Type as a plugin
//
// It imports step, value, process, durable, tasklog, trust and fault, and is imported by the engine, the
// command line, and the main of every plugin that is written in Go.
//
// It promises:
//
//   - Validating and planning execute nothing: a Type that is not Live knows its description only.
//   - What runs is the executable that the description names by its SHA-256, and for root only one that
//     nobody else may write, nor any directory above it.
//   - A plugin that lies costs its step, never the run: whatever it writes, however much, in whatever time,
//     the operation ends with a fault of a stable code, in bounded memory, and with the plugin's whole
//     process tree gone.
//   - Secrets reach a plugin by its standard input alone.
package plugin
