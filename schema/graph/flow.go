package graph

import "fmt"

// flow is a drawing as nodes and edges, for the formats that lay themselves out.
type flow struct {
	clusters []*cluster
	edges    []edge
	count    int
	// undo is the node of the newest undo so far, which the next one leads to; "" after a commit.
	undo string
}

// cluster is a frame around nodes and other frames, in their order.
type cluster struct {
	id    string
	lines []string
	// bare clusters are drawn without a frame.
	bare    bool
	content []any // node or *cluster
}

// node is one box.
type node struct {
	id    string
	look  look
	lines []string
	// beside is the step that an undo stands beside.
	beside string
}

// look is how a node is drawn.
type look string

const (
	lookReads   look = "reads"
	lookChanges look = "changes"
	lookUse     look = "use"
	lookStop    look = "stop"
	lookCommit  look = "commit"
	lookUndo    look = "undo"
	lookBar     look = "bar"
)

// looks are all of them, in the order of their definition.
var looks = []look{lookReads, lookChanges, lookUse, lookStop, lookCommit, lookUndo, lookBar}

// edge leads from one node to another: forward, or back.
type edge struct {
	from, to string
	back     bool
	text     string
}

// flowOf makes a flow of a drawing.
func flowOf(d drawing) *flow {
	f := &flow{}
	for i, s := range d.sections {
		f.undo = ""
		c := &cluster{id: f.next("section"), bare: i == 0}
		if s.heading != "" {
			c.lines = []string{s.heading}
		}
		f.clusters = append(f.clusters, c)
		last := f.sequence(c, s.steps, nil)
		if i == 0 && !d.commits() {
			f.add(c, lookCommit, []string{"commit: the end of the steps", "point of no return"}, last)
		}
	}
	return f
}

func (f *flow) next(kind string) string {
	f.count++
	return fmt.Sprintf("%s%d", kind, f.count)
}

// add makes a node that the way forward reaches from others.
func (f *flow) add(c *cluster, as look, lines []string, from []string) []string {
	made := node{id: f.next("n"), look: as, lines: lines}
	c.content = append(c.content, made)
	for _, one := range from {
		f.edges = append(f.edges, edge{from: one, to: made.id})
	}
	return []string{made.id}
}

// sequence adds steps one after the other, and gives the nodes from which the way continues.
func (f *flow) sequence(c *cluster, all []*item, from []string) []string {
	for _, one := range all {
		switch one.kind {
		case group:
			from = f.group(c, one, from)
		case parallel:
			from = f.parallel(c, one, from)
		case commit:
			from = f.add(c, lookCommit, []string{"commit: " + one.title, "point of no return"}, from)
			f.undo = ""
		default:
			from = f.step(c, one, from)
		}
	}
	return from
}

func (f *flow) step(c *cluster, one *item, from []string) []string {
	as := lookReads
	title := one.title
	switch {
	case one.kind == stop:
		as, title = lookStop, "stop: "+one.title
	case one.kind == use:
		as = lookUse
	case one.changes:
		as = lookChanges
	}
	at := f.add(c, as, labelled(one.conditions, title, one.tag), from)
	if len(one.undo) > 0 {
		undo := f.next("n")
		c.content = append(c.content, node{undo, lookUndo, append([]string{"undo"}, bullets(one.undo)...), at[0]})
		f.edges = append(f.edges, edge{from: at[0], to: undo, back: true, text: "undo"})
		if f.undo != "" {
			f.edges = append(f.edges, edge{from: undo, to: f.undo, back: true})
		}
		f.undo = undo
	}
	return at
}

func (f *flow) group(c *cluster, one *item, from []string) []string {
	frame := &cluster{id: f.next("group"), lines: labelled(one.conditions, one.title, one.tag)}
	c.content = append(c.content, frame)
	last := f.sequence(frame, one.steps, from)
	newest := f.undo
	for _, extra := range []struct {
		heading string
		steps   []*item
	}{{"rescue: where the steps failed and were rolled back", one.rescue}, {"finally: at the group's end, good or bad", one.finally}} {
		if len(extra.steps) > 0 {
			f.undo = ""
			inner := &cluster{id: f.next("group"), lines: []string{extra.heading}}
			frame.content = append(frame.content, inner)
			f.sequence(inner, extra.steps, nil)
		}
	}
	f.undo = newest
	return last
}

// parallel adds branches between two bars. They are rolled back one after the other, in reverse order of
// declaration.
func (f *flow) parallel(c *cluster, one *item, from []string) []string {
	frame := &cluster{id: f.next("group"), lines: labelled(one.conditions, one.title, one.tag)}
	c.content = append(c.content, frame)
	fork := f.add(frame, lookBar, nil, from)
	var ends []string
	for _, branch := range one.steps {
		ends = append(ends, f.sequence(frame, []*item{branch}, fork)...)
	}
	return f.add(frame, lookBar, nil, ends)
}

func labelled(conditions []string, title, tag string) []string {
	lines := append([]string{}, conditions...)
	for _, more := range []string{title, tag} {
		if more != "" {
			lines = append(lines, more)
		}
	}
	return lines
}
