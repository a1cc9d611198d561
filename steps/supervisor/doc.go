// Package supervisor holds the step types that talk to supervisord: supervisor, which controls the programs
// it runs, and supervisor-conf, which turns an app's supervisor.conf into a program of the daemon.
//
// It may import engine/step and the leaves. The daemon is spoken to by XML-RPC (its API 3.0: supervisor 3 and
// 4), by encoding/xml and net/http alone.
//
// What it promises:
//
//   - Every call has a time-out of its own, and is tried a bounded number of times. Only calls that may be
//     repeated are: a signal is never sent twice because an answer was lost.
//   - Nothing waits within a call. A program's wanted state is awaited by asking, for a bounded time, and
//     what keeps it from that state is told with the last lines of its own log.
//   - What an undo needs to know is in the memo, and which groups were touched is durable in Run.Directory
//     before the first of them is: an undo acts on these alone, and on none where nothing was touched.
//   - Which configuration a group has is decided by files, and these are restored by other frames. Frames
//     unwind newest first, so the frame of a step after the change of a file cannot give a group its old
//     configuration back: the frame before the change does. A stop, and supervisor-conf, are such frames.
//     Each leases a name by which the later frames of its run know it; their undos then only stop what must
//     not run, and leave the rest to it.
package supervisor
