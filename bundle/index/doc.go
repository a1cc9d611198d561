// Package index is the index of a package: what the package holds, entry by entry, and which independent
// zstd frames hold it. docs/packages.md is its specification.
//
// It imports engine/fault and the zstd library. It promises:
//
//   - Parse accepts exactly what Encode writes: one encoding for each index, every count and length within its
//     limit, every path inside the tree, frames without gap or overlap. Whatever it is given, it returns a
//     fault and does not panic, and allocates no more than a small multiple of the body's length.
//   - Decode hands no byte to a decoder whose digest the index does not name, and returns exactly as many bytes
//     as the index says.
//   - Who signed an index is not decided here: Parse is to be given the body of a message whose signature was
//     found good.
package index
