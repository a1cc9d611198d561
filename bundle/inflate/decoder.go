package inflate

import (
	"encoding/binary"
	"errors"
	"io"
)

// ErrDamaged is the error of what is not a gzip stream, or no longer one.
var ErrDamaged = errors.New("the gzip stream is damaged")

const (
	inputSize = 64 << 10
	// padding follows the last byte of the input, so that eight bytes can be read everywhere.
	padding = 24
	// window is how far back a distance reaches.
	window = 32 << 10
	// outputSize holds the window and what is decoded after it; slack is the room that one round of decoding
	// may need.
	outputSize = window + 192<<10
	slack      = 258 + 3 + 8
)

// decoder decodes DEFLATE blocks.
type decoder struct {
	source io.Reader
	// input[at:have] was not looked at yet; last tells that nothing follows it, and failed why where that is
	// not the end.
	input  []byte
	at     int
	have   int
	last   bool
	failed error
	// bits holds the next bits of the input, count of them for sure; what is above them is the input's too.
	bits  uint64
	count uint

	// output[:to] is what was decoded; output[given:to] was not given to the reader yet.
	output []byte
	given  int
	to     int

	final   bool
	inside  bool
	stored  int
	literal table
	dist    table
	lengths [literals + distances]uint8
}

func newDecoder(source io.Reader) *decoder {
	return &decoder{
		source: source,
		input:  make([]byte, inputSize+padding), output: make([]byte, outputSize),
		literal: make(table, 1<<literalBits+literals<<(longestCode-literalBits)),
		dist:    make(table, 1<<distanceBits+distances<<(longestCode-distanceBits)),
	}
}

// more reads input after what is left of it. After the end there are zeros.
func (d *decoder) more() error {
	if d.last {
		if d.failed != nil {
			return d.failed
		}
		return io.ErrUnexpectedEOF
	}
	// Whole bytes go back from bits to the input, so that align can find them there.
	d.at -= int(d.count >> 3)
	d.count &= 7
	d.bits &= 1<<d.count - 1
	copy(d.input, d.input[d.at:d.have])
	d.at, d.have = 0, d.have-d.at
	for range 100 {
		n, err := d.source.Read(d.input[d.have:inputSize])
		d.have += n
		if err != nil {
			d.last = true
			if !errors.Is(err, io.EOF) {
				d.failed = err
			}
			clear(d.input[d.have : d.have+padding])
			return nil
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// limit is the last place at which eight bytes can be read. After the end of all input up to eight bytes
// that are not there may be in bits; more than that would have been used.
func (d *decoder) limit() int {
	if d.last {
		return d.have + 8
	}
	return d.have - 8
}

// need makes sure of 56 bits, of which the last ones may lie after the end of the input.
func (d *decoder) need() error {
	for d.at > d.limit() {
		if err := d.more(); err != nil {
			return err
		}
	}
	d.bits |= binary.LittleEndian.Uint64(d.input[d.at:]) << d.count
	d.at += int((63 - d.count) >> 3)
	d.count |= 56
	return nil
}

// take gives the next bits, at most 16. need was called before.
func (d *decoder) take(n uint) int {
	value := d.bits & (1<<n - 1)
	d.bits >>= n
	d.count -= n
	return int(value)
}

// align gives whole bytes back to the input, and drops the rest of the last one.
func (d *decoder) align() error {
	d.at -= int(d.count >> 3)
	d.bits, d.count = 0, 0
	if d.last && d.at > d.have {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// begin makes ready for the first block of a member. All of the output was given before.
func (d *decoder) begin() {
	d.to, d.given, d.final, d.inside, d.stored = 0, 0, false, false, 0
}

// slide makes room after the window. All of the output was given before.
func (d *decoder) slide() {
	if d.to > outputSize-slack {
		copy(d.output, d.output[d.to-window:d.to])
		d.to, d.given = window, window
	}
}

// fill decodes until the output is full or the last block ends, which it tells.
func (d *decoder) fill() (done bool, err error) {
	for d.to <= outputSize-slack {
		switch {
		case d.stored > 0:
			err = d.copyStored()
		case d.inside:
			err = d.huffman()
		case d.final:
			return true, d.align()
		default:
			err = d.block()
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// octet gives the next byte, where bits holds none.
func (d *decoder) octet() (byte, error) {
	for d.at >= d.have {
		if err := d.more(); err != nil {
			return 0, err
		}
	}
	d.at++
	return d.input[d.at-1], nil
}

// block reads the head of a block.
func (d *decoder) block() error {
	if err := d.need(); err != nil {
		return err
	}
	d.final = d.take(1) == 1
	switch d.take(2) {
	case 0:
		if err := d.align(); err != nil {
			return err
		}
		if err := d.need(); err != nil {
			return err
		}
		size := d.take(16)
		if d.take(16) != size^0xffff {
			return ErrDamaged
		}
		d.stored = size
		return d.align()
	case 1:
		return d.fixed()
	case 2:
		return d.dynamic()
	}
	return ErrDamaged
}

// copyStored copies bytes that are not compressed.
func (d *decoder) copyStored() error {
	if d.at >= d.have {
		if err := d.more(); err != nil {
			return err
		}
	}
	n := copy(d.output[d.to:], d.input[d.at:min(d.have, d.at+d.stored)])
	d.at, d.to, d.stored = d.at+n, d.to+n, d.stored-n
	return nil
}

// fixed sets the code that needs no description.
func (d *decoder) fixed() error {
	lengths := d.lengths[:literals]
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	distance := d.lengths[literals:]
	for i := range distance {
		distance[i] = 5
	}
	d.inside = d.literal.fill(lengths, literalBits, literalEntry) && d.dist.fill(distance, distanceBits, distanceEntry)
	return nil
}

// order is that of the lengths of the code for lengths.
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the codes of a block.
func (d *decoder) dynamic() error {
	literalCount, distanceCount, plainCount := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if literalCount > 286 || distanceCount > 30 {
		return ErrDamaged
	}
	var plainLengths [19]uint8
	for _, symbol := range order[:plainCount] {
		if err := d.need(); err != nil {
			return err
		}
		plainLengths[symbol] = uint8(d.take(3))
	}
	// The table of literals is free: the code for lengths is at home there for now.
	if !d.literal.fill(plainLengths[:], literalBits, plainEntry) {
		return ErrDamaged
	}
	lengths := d.lengths[:literalCount+distanceCount]
	for i := 0; i < len(lengths); {
		if err := d.need(); err != nil {
			return err
		}
		entry := d.literal[d.bits&(1<<literalBits-1)]
		if entry&kindMask != literal {
			return ErrDamaged
		}
		d.take(uint(entry & 0xff))
		symbol := uint8(entry >> 16)
		if symbol < 16 {
			lengths[i] = symbol
			i++
			continue
		}
		var value uint8
		var times int
		switch symbol {
		case 16:
			if i == 0 {
				return ErrDamaged
			}
			value, times = lengths[i-1], 3+d.take(2)
		case 17:
			times = 3 + d.take(3)
		case 18:
			times = 11 + d.take(7)
		}
		if i+times > len(lengths) {
			return ErrDamaged
		}
		for range times {
			lengths[i] = value
			i++
		}
	}
	if lengths[256] == 0 ||
		!d.literal.fill(lengths[:literalCount], literalBits, literalEntry) ||
		!d.dist.fill(lengths[literalCount:], distanceBits, distanceEntry) {
		return ErrDamaged
	}
	d.inside = true
	return nil
}

// huffman decodes until the block ends, the output is full, or more input is needed, which it gets.
func (d *decoder) huffman() error {
	if d.at > d.limit() {
		if err := d.more(); err != nil {
			return err
		}
	}
	// All that the loop needs lies in locals: that is what makes it fast.
	literals, dist := (*[1 << literalBits]uint32)(d.literal), (*[1 << distanceBits]uint32)(d.dist)
	input, output := (*[inputSize + padding]byte)(d.input), (*[outputSize]byte)(d.output)
	at, to, limit, held, count := d.at, d.to, d.limit(), d.bits, d.count
	var failed error
loop:
	for at <= limit && to <= outputSize-slack {
		held |= binary.LittleEndian.Uint64(input[at:at+8]) << (count & 63)
		at += int((63 - count) >> 3)
		count |= 56
		entry := literals[held&(1<<literalBits-1)]
		// Up to three literals of at most 11 bits leave 23 bits: too few for a length and a distance, so then
		// the loop begins again with more input.
		if entry&kindMask == literal {
			held, count = held>>(entry&63), count-uint(entry&63)
			output[to] = byte(entry >> 16)
			to++
			entry = literals[held&(1<<literalBits-1)]
			if entry&kindMask == literal {
				held, count = held>>(entry&63), count-uint(entry&63)
				output[to] = byte(entry >> 16)
				to++
				entry = literals[held&(1<<literalBits-1)]
				if entry&kindMask == literal {
					held, count = held>>(entry&63), count-uint(entry&63)
					output[to] = byte(entry >> 16)
					to++
				}
			}
			continue
		}
		if entry&kindMask == link {
			held, count = held>>literalBits, count-literalBits
			entry = d.literal[entry>>16:][held&(1<<(longestCode-literalBits)-1)]
		}
		held, count = held>>(entry&63), count-uint(entry&63)
		switch entry & kindMask {
		case literal:
			output[to] = byte(entry >> 16)
			to++
			continue
		case end:
			d.inside = false
			break loop
		case invalid:
			failed = ErrDamaged
			break loop
		}
		extra := entry >> 8 & 0xf
		length := int(entry>>16) + int(held&(1<<(extra&15)-1))
		held, count = held>>(extra&15), count-uint(extra&15)

		entry = dist[held&(1<<distanceBits-1)]
		if entry&kindMask == link {
			held, count = held>>distanceBits, count-distanceBits
			entry = d.dist[entry>>16:][held&(1<<(longestCode-distanceBits)-1)]
		}
		if entry&kindMask != base {
			failed = ErrDamaged
			break
		}
		held, count = held>>(entry&63), count-uint(entry&63)
		extra = entry >> 8 & 0xf
		distance := int(entry>>16) + int(held&(1<<(extra&15)-1))
		held, count = held>>(extra&15), count-uint(extra&15)
		if distance > to {
			failed = ErrDamaged
			break
		}
		repeat(output, to, distance, length)
		to += length
	}
	d.at, d.to, d.bits, d.count = at, to, held, count
	if failed == nil && d.last && d.at-int(d.count>>3) > d.have {
		return io.ErrUnexpectedEOF
	}
	return failed
}

// repeat copies length bytes from distance bytes back; the two may overlap. It may write seven bytes more.
func repeat(output *[outputSize]byte, to, distance, length int) {
	from := to - distance
	switch {
	case distance >= 8:
		for end := to + length; to < end; to, from = to+8, from+8 {
			binary.LittleEndian.PutUint64(output[to:to+8], binary.LittleEndian.Uint64(output[from:from+8]))
		}
	case distance == 1:
		value := output[from]
		run := output[to : to+length]
		for i := range run {
			run[i] = value
		}
	default:
		for i := range length {
			output[to+i] = output[from+i]
		}
	}
}
