//go:build amd64

package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// leaf makes a step of some type that can work, as far as the model knows.
func (g *generator) leaf() fields {
	for {
		if s := g.attempt(); s != nil {
			return s
		}
	}
}

var modes = []string{"0600", "0644", "0755", "0400", "4755", "0000", "2711"}

func choose[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

// attempt gives nil where the tree has nothing to do that with.
func (g *generator) attempt() fields {
	switch g.IntN(22) {
	case 0, 1:
		return g.write()
	case 2, 3:
		return g.copies()
	case 4, 5:
		return g.moves()
	case 6:
		return g.mkdir()
	case 7:
		return g.symlink()
	case 8:
		return g.chmod()
	case 9:
		return g.template()
	case 10:
		return g.removes()
	case 11:
		return g.releases()
	case 12:
		return g.extract()
	case 13:
		return g.rsync()
	case 14, 15:
		return g.marking(fields{})
	case 16:
		return g.looks()
	case 17:
		return g.plugged()
	case 18, 19, 20:
		return g.takes()
	}
	return g.each()
}

// place chooses a file to write: an old one or a new one.
func (g *generator) place() string {
	if old := g.model.pick(g.Rand, g.areas, file); old != "" && g.IntN(2) == 0 {
		return old
	}
	return g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
}

func (g *generator) write() fields {
	at := g.place()
	g.model[at] = file
	arguments := fields{"path": target(at), "content": strings.Repeat("new\n", g.IntN(200))}
	g.attributes(arguments, false)
	return g.named(fields{"write": arguments})
}

// named gives a step an id, and sometimes a guard that reads an earlier one's output.
func (g *generator) named(s fields) fields {
	if len(g.ids) > 0 && g.IntN(6) == 0 {
		s["when"] = "steps." + choose(g, g.ids) + ".changed or inputs.yes"
	}
	if g.IntN(3) == 0 && g.rounds == 0 && s["when"] == nil {
		g.number++
		id := fmt.Sprintf("s%d", g.number)
		s["id"] = id
		g.ids = append(g.ids, id)
		if g.IntN(4) == 0 {
			s["until"] = "result.changed or inputs.yes"
		}
	}
	return s
}

// attributes sets a mode and an owner, sometimes.
func (g *generator) attributes(arguments fields, tree bool) {
	if g.IntN(3) == 0 {
		arguments["mode"] = choose(g, modes)
		if tree {
			arguments["mode"] = choose(g, []string{"u=rwX,go=rX", "go-w", "a+r"})
		}
	}
	if g.IntN(3) == 0 {
		arguments["owner"] = choose(g, []string{"7:8", "0:0", "daemon:daemon"})
	}
}

func (g *generator) copies() fields {
	from := g.model.pick(g.Rand, g.areas, file, directory, wild)
	if from == "" {
		return nil
	}
	what := g.model[from]
	arguments := fields{"from": target(from)}
	to := g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
	if g.IntN(3) == 0 {
		if old := g.model.pick(g.Rand, g.areas, file, directory, link, wild); old != "" {
			to, arguments["replace"] = old, true
		}
	}
	if within(to, from) || within(from, to) {
		return nil
	}
	arguments["to"] = target(to)
	g.model.remove(to)
	g.model.copy(from, to)
	g.attributes(arguments, what != file)
	return g.named(fields{"copy": arguments})
}

func within(inner, outer string) bool { return inner == outer || strings.HasPrefix(inner, outer+"/") }

func (g *generator) moves() fields {
	from := g.model.pick(g.Rand, g.areas, file, directory, link, wild)
	if from == "" {
		return nil
	}
	arguments := fields{"from": target(from)}
	to := g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
	if g.IntN(3) == 0 {
		if old := g.model.pick(g.Rand, g.areas, file, directory, link, wild); old != "" {
			to, arguments["replace"] = old, true
		}
	}
	if within(to, from) || within(from, to) {
		return nil
	}
	arguments["to"] = target(to)
	g.model.move(from, to)
	return fields{"move": arguments}
}

func (g *generator) mkdir() fields {
	at := g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
	arguments := fields{}
	g.model[at] = directory
	switch g.IntN(4) {
	case 0:
		at = path.Join(at, "inner", "most")
		arguments["parents"] = true
		g.model[path.Dir(at)], g.model[at] = directory, directory
	case 1:
		if old := g.model.pick(g.Rand, g.areas, directory); old != "" {
			delete(g.model, at)
			at = old
		}
	}
	if g.IntN(3) == 0 {
		arguments["mode"] = choose(g, []string{"0700", "0755", "1777", "g+w"})
	}
	if g.IntN(3) == 0 {
		arguments["owner"] = "7:8"
	}
	arguments["path"] = target(at)
	return g.named(fields{"mkdir": arguments})
}

func (g *generator) symlink() fields {
	at := g.model.pick(g.Rand, g.areas, link)
	if at == "" || g.IntN(2) == 0 {
		at = g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
	}
	g.model[at] = link
	return g.named(fields{"symlink": fields{"link": target(at), "to": choose(g, []string{"/nowhere", "a", "../south/b.conf", target("depot")})}})
}

func (g *generator) chmod() fields {
	at := g.model.pick(g.Rand, g.areas, file, directory, wild)
	if at == "" {
		return nil
	}
	arguments := fields{"path": target(at)}
	if g.model[at] == file {
		arguments["mode"] = choose(g, modes)
	} else {
		arguments["mode"] = choose(g, []string{"u=rwX,go=rX", "go-w", "0750"})
		arguments["recursive"] = g.IntN(2) == 0
	}
	if g.IntN(2) == 0 {
		arguments["owner"] = "7:8"
	}
	return fields{"chmod": arguments}
}

func (g *generator) template() fields {
	at := g.place()
	g.model[at] = file
	return g.named(fields{"template": fields{
		"from": target("depot/page.tmpl"), "to": target(at), "values": fields{"who": "you", "list": []int{1, g.IntN(9)}},
	}})
}

func (g *generator) removes() fields {
	at := g.model.pick(g.Rand, g.areas, file, directory, link, wild)
	if at == "" || g.IntN(5) == 0 {
		return fields{"remove": fields{"path": target(choose(g, g.areas) + "/nothing"), "missing": "ok"}}
	}
	g.model.remove(at)
	return fields{"remove": target(at)}
}

// releases are what only one branch may do: all releases are one area.
func (g *generator) releases() fields {
	if g.parallel != 0 && !slices.Contains(g.areas, areas[0]) {
		return nil
	}
	release := fmt.Sprintf("releases/r%d", 1+g.IntN(4))
	switch g.IntN(3) {
	case 0:
		return fields{"link-tree": fields{
			"from": []string{target(release + "/root")}, "into": target(g.model.directory(g.Rand, g.areas)),
			"links": choose(g, []string{"symbolic", "hard"}),
		}}
	case 1:
		id := g.mark()
		return fields{
			"hook": fields{"script": "hook", "dir": target(release), "env": g.environment(id)},
			"undo": []any{g.undoing(id)},
		}
	}
	return fields{"swap-link": fields{"link": target("releases/current"), "to": target(release)}}
}

func (g *generator) extract() fields {
	at := g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
	g.model[at] = directory
	g.model[at+"/one"], g.model[at+"/two"], g.model[at+"/deep"] = file, file, wild
	return fields{"extract": fields{"archive": target("depot/box.tar"), "unverified": "allow", "to": target(at)}}
}

func (g *generator) rsync() fields {
	from := g.model.pick(g.Rand, g.areas, directory, wild)
	if from == "" {
		return nil
	}
	to := g.model.fresh(g.Rand, g.model.directory(g.Rand, g.areas))
	if old := g.model.pick(g.Rand, g.areas, directory, wild); old != "" && g.IntN(2) == 0 {
		to = old
	}
	if within(to, from) || within(from, to) {
		return nil
	}
	arguments := fields{"source": target(from), "target": target(to)}
	if g.IntN(2) == 0 {
		arguments["delete"] = true
		g.model.remove(to)
	}
	if g.IntN(3) == 0 {
		arguments["checksum"] = true
	}
	if g.IntN(3) == 0 {
		arguments["link-dest"] = []string{target(from)}
	}
	if g.IntN(4) == 0 {
		arguments["exclude"] = []string{"*.pyc", "/a"}
	}
	g.model.copy(from, to)
	return g.named(fields{"rsync": arguments})
}

// plugged is a step of a plugin.
func (g *generator) plugged() fields {
	if g.rounds != 0 {
		return nil
	}
	g.number++
	at := fmt.Sprintf("%s/plugged-%d", choose(g, g.areas), g.number)
	g.model[at] = file
	return fields{"plugged": fields{"path": target(at)}}
}

// looks makes a step that only reads.
func (g *generator) looks() fields {
	switch g.IntN(7) {
	case 0:
		return fields{"disk-space": fields{"path": target(choose(g, g.areas)), "at-least": "1KiB"}}
	case 1:
		return fields{"wait-for": fields{"file": target("depot"), "within": "10s"}}
	case 2:
		return fields{"read-link": fields{"path": target("releases/current"), "missing": "ok"}}
	case 3:
		return fields{"checksum": fields{"path": target("depot/page.tmpl")}}
	case 4:
		return fields{"verify": fields{"package": supply("fw-1.tar.zst.gpg"), "keyring": supply("keys")}}
	}
	if g.IntN(2) == 0 {
		return fields{"run": fields{"script": `test -d "$TARGET"`, "env": fields{"TARGET": target("")}}, "effects": "none"}
	}
	return fields{"assert": fields{"that": "${{ inputs.yes }}"}}
}

// each makes rounds of one step.
func (g *generator) each() fields {
	if g.rounds != 0 {
		return nil
	}
	in := g.model.directory(g.Rand, g.areas)
	g.number++
	base := fmt.Sprintf("%s/each-%d-", in, g.number)
	items := []string{"1", "2 b", "3"}[:1+g.IntN(3)]
	round := target(base + "${{ item }}")
	step := fields{"for-each": items}
	switch g.IntN(3) {
	case 0:
		step["write"] = fields{"path": round, "content": "${{ index }} is ${{ item }}\n"}
	case 1:
		step["mkdir"] = round
	default:
		g.rounds = g.number
		step = g.marking(step)
		g.rounds = 0
		return step
	}
	for _, item := range items {
		g.model[base+item] = wild
	}
	return step
}

// behind makes a step after the commit.
func (g *generator) behind() fields {
	switch g.IntN(6) {
	case 0, 1:
		return g.prunes("releases")
	case 2:
		return fields{"allow-failure": true, "run": fields{"argv": []string{"false"}}}
	}
	return g.leaf()
}

// failing makes a step that fails.
func (g *generator) failing() fields {
	switch g.IntN(7) {
	case 0:
		return fields{"assert": fields{"that": "${{ inputs.no }}"}}
	case 1:
		return fields{"remove": target(choose(g, g.areas) + "/nothing")}
	case 2:
		return fields{"copy": fields{"from": target(choose(g, g.areas) + "/nothing"), "to": target(g.areas[0] + "/never")}}
	case 3:
		return fields{"wait-for": fields{"file": target("depot/nothing"), "within": "20ms", "interval": "5ms"}}
	case 4:
		s := g.marking(fields{"timeout": "20ms"})
		s["run"].(fields)["script"] = `echo "do $ID" >>"$MARKS/log"; : >"$MARKS/$ID"; sleep 60`
		return s
	case 5:
		return fields{"verify": fields{"package": supply("strange.tar.zst.gpg"), "keyring": supply("keys")}}
	}
	s := g.marking(fields{})
	s["run"].(fields)["script"] = `echo "do $ID" >>"$MARKS/log"; : >"$MARKS/$ID"; exit 3`
	return s
}
