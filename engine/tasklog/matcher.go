package tasklog

// matcher finds many texts in a stream of bytes at once (Aho and Corasick, 1975). Line ends in the texts and
// in the stream do not count: a program may wrap what it prints. Its node 0 is the beginning, where nothing
// has matched. It is never changed once it is linked.
type matcher struct {
	first [256]int32 // the nodes of depth 1, by their byte
	label []byte
	child []int32 // the first of the nodes that continue from here; 0 is none
	next  []int32 // the next node that continues from the same one; 0 is none
	fail  []int32 // where the longest other beginning of a text stands that ends in the same bytes
	depth []int32 // how many bytes have matched
	found []int32 // the length of the longest text that ends here; 0 is none
}

// newMatcher makes a matcher of texts without line ends.
func newMatcher(texts []string) *matcher {
	m := &matcher{}
	m.add(0, 0)
	for _, text := range texts {
		node := int32(0)
		for i := range len(text) {
			inner := m.step(node, text[i])
			if inner == 0 {
				inner = m.add(text[i], m.depth[node]+1)
				if node == 0 {
					m.first[text[i]] = inner
				} else {
					m.next[inner], m.child[node] = m.child[node], inner
				}
			}
			node = inner
		}
		m.found[node] = m.depth[node]
	}
	m.link()
	return m
}

func (m *matcher) add(label byte, depth int32) int32 {
	m.label = append(m.label, label)
	m.child, m.next, m.fail = append(m.child, 0), append(m.next, 0), append(m.fail, 0)
	m.depth, m.found = append(m.depth, depth), append(m.found, 0)
	return int32(len(m.label) - 1)
}

// link finds where each node continues when the next byte does not fit, those of lesser depth first.
func (m *matcher) link() {
	var queue []int32
	for _, node := range m.first {
		if node != 0 {
			queue = append(queue, node)
		}
	}
	for at := 0; at < len(queue); at++ {
		node := queue[at]
		for inner := m.child[node]; inner != 0; inner = m.next[inner] {
			m.fail[inner] = m.after(m.fail[node], m.label[inner])
			if m.found[inner] == 0 {
				m.found[inner] = m.found[m.fail[inner]]
			}
			queue = append(queue, inner)
		}
	}
}

// step is the node that continues from one by a byte; 0 is none.
func (m *matcher) step(node int32, b byte) int32 {
	if node == 0 {
		return m.first[b]
	}
	inner := m.child[node]
	for inner != 0 && m.label[inner] != b {
		inner = m.next[inner]
	}
	return inner
}

// after is where the matcher stands after one more byte.
func (m *matcher) after(node int32, b byte) int32 {
	for {
		if inner := m.step(node, b); inner != 0 || node == 0 {
			return inner
		}
		node = m.fail[node]
	}
}

func (m *matcher) empty() bool { return len(m.label) == 1 }
