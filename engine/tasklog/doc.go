// Package tasklog is the log of nested tasks: every run, group, step, attempt, undo and hook is a task. Tasks
// emit events (started, line, progress, ended) to a Sink; renderers (tree, plain, JSON lines) are sinks, and
// so is the full log kept with each run.
//
// It is a leaf: it imports engine/fault, engine/regular and nothing else of ours. It promises
//
//   - that a line is never mixed with another task's within the line, and that lines of tasks that run side
//     by side are told apart by a label;
//   - that every event names its task and its task's parent, by numbers, so that equal names never collide;
//   - that the end of a task is an explicit value, never inferred from a log level, and is not passed on to
//     its parent;
//   - that what a tree keeps back while all is well is shown in the order in which it happened when it is
//     not, each line once, with what the tasks around the failing one had said;
//   - that plain lines are in the order of time, over all tasks;
//   - that on a terminal a task without events still shows how long it runs, of how much, and that nothing of
//     this status stays on the screen, or comes into a file;
//   - that a renderer that cannot write remembers why and never disturbs the run, and that its memory is
//     bounded.
package tasklog
