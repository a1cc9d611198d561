// Package cache keeps artifacts by their digest in a directory, for steps that download: what is there needs
// no network.
//
// An entry is a file whose name is its key, "sha256-HEX" or "sha512-HEX". Its modification time is when it
// was used last; it only grows from one use to the next, whatever the clock says.
//
// What it promises:
//
//   - An entry is verified on every use. One that has another content is removed, and counts as missing.
//   - An entry comes into being by a rename, after its content is durable. What a kill leaves of one is removed
//     by the next process that adds or cleans.
//   - Where an entry would make the cache larger than its limit, those that were not used for longest go first.
//     One that a process holds stays: it is locked for as long as it is open.
//   - The directory is refused where a less trusted user could change it. It may be deleted at any time.
//
// It is a leaf: it imports leaves of the engine and nothing else of ours.
package cache
