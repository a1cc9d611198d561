// Package fetch downloads files by http, https and file, and resumes what was interrupted.
//
// A download is collected in a partial file in a directory of gwe's own, with a note beside it (see note.go).
// Both survive the end of the process and of the machine, so that the next try, run or boot asks for the rest
// alone. The caller takes the complete file from there.
//
// What it promises:
//
//   - With a digest, only content with that digest is handed out. Without one, what was resumed is one
//     representation, by its strong ETag; anything less certain begins anew.
//   - No answer of a server makes it store more than the size or the limit that the caller gave, wait
//     longer than the time-outs, or follow more than MostRedirects redirects.
//   - Credentials go to the hosts that the caller named, never to a host that a redirect named, nor in the
//     clear where the first address is https. A redirect from https to http is refused.
//   - Errors and progress show an address without user, password, query and fragment.
//   - The environment chooses the proxy (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
//
// It is a leaf: it imports leaves of the engine and nothing else of ours. Its pauses are on the clock of
// package pace; the time-outs of connections are in real time.
package fetch
