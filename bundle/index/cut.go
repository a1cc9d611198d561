package index

// Cutter cuts a content into parts by the content itself: what is inserted or removed moves no cut but
// those next to it. A cut is where the sum of a byte's 64 bytes before, each one's number in a table
// shifted by its distance (a gear hash), has nineteen zero bits.
//
// No reader of an index needs to know where a packer cuts. gwe cuts a file of the running release in the
// same way, to see which parts of it a package has, too.
type Cutter struct {
	table  [256]uint64
	hash   uint64
	length int
}

// The lengths of parts: at least PartLeast, but for the last one, and at most PartMost. Whoever installs by
// an index holds a frame twice in memory, compressed and decoded, and a part of the running release once.
const (
	PartLeast = 128 << 10
	PartMost  = 1 << 20
	cutMask   = (1<<19 - 1) << 45
)

// NewCutter makes a cutter that stands at the beginning of a part.
func NewCutter() *Cutter {
	c := &Cutter{}
	// SplitMix64 from zero: numbers that look random and need no table in the source.
	state := uint64(0)
	for i := range c.table {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		c.table[i] = z ^ z>>31
	}
	return c
}

// Next returns how many of the bytes belong to the present part, and whether it ends there.
func (c *Cutter) Next(content []byte) (taken int, ends bool) {
	if skip := PartLeast - 64 - c.length; skip > 0 {
		taken = min(skip, len(content)) // a cut here would be too early: only the last 64 bytes count
		c.length += taken
	}
	for taken < len(content) {
		c.hash = c.hash<<1 + c.table[content[taken]]
		taken++
		c.length++
		if c.length >= PartLeast && c.hash&cutMask == 0 || c.length == PartMost {
			c.Reset()
			return taken, true
		}
	}
	return taken, false
}

// Reset begins a new part.
func (c *Cutter) Reset() { c.hash, c.length = 0, 0 }
