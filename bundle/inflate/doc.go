// Package inflate decompresses gzip (RFC 1952, RFC 1951), about twice as fast as the libraries in Go do.
//
// It is there because gzip is what devices have had so far, and because unpacking such a package is bound by
// nothing but this: on a gateway with few cores it decides how long an update takes. It decodes eight bytes
// of input at a time and several literals between two looks at the input, as libdeflate does; there is no
// unsafe code in it.
//
// It is a leaf: it imports nothing of ours. It promises that a stream is either given whole and with the
// right checksum, or ends in an error; that members which follow one another are one stream, as gzip itself
// has it; and that it needs less than 512 KiB, whatever the input.
package inflate
