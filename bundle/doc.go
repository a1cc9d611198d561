// Package bundle is the package format and the keyring: write, verify, read.
//
// A package is one top-level directory as a tar stream, compressed, in an OpenPGP message (RFC 9580 and RFC
// 4880, as GnuPG writes it) that is signed and optionally encrypted; or a compressed tar with a detached
// signature beside it. Trust is a directory of public keys.
//
// It imports the leaves fault, value and durable. It promises:
//
//   - Not one byte of content is handed out before the whole package was read and its signature found good.
//     There are two passes over one descriptor: Verify reads everything and keeps a digest of every MiB,
//     Content hands a block on only when its digest is the same again, and never reads past the size that
//     Verify saw.
//   - Of a package with an index (Indexed, bundle/index) single frames may be read without the rest: the
//     signature of the index is verified first, and a frame is decoded only if it has the digest that the
//     index gives. Prove makes sure that the index and the tar describe one tree.
//   - A signature is good when a key of the keyring made it over exactly this content, the key is neither
//     expired nor revoked nor too weak today, and, where fingerprints are pinned, it is one of these. Nothing
//     may follow the message but padding in an encryption, which is thrown away. What never expires needs no
//     clock.
//   - The packets of a key stay as they were written. What is put into a keyring was read back before; a file
//     that cannot be read takes nothing from the others, and is named.
//   - A panic of the library is an error.
//   - Memory is bounded whatever the size: blocks of one MiB, and the decoder's window.
//
// The OpenPGP packets are walked here rather than by the library's own reader, for three reasons: the library
// hands out plaintext before it has verified, lets unsigned messages pass without an error, and skips packets
// that it does not know. Keys, signatures and session keys are the library's.
package bundle
