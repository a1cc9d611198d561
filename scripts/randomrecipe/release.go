//go:build amd64

package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// homes are the directories that hold releases. In one of them current is a link from the beginning, in the
// other it is a directory, as the factory leaves it.
var homes = []string{"releases", "factory"}

// mayRelease reports whether releases can be worked on here: all of them are one area, so only one branch
// may.
func (g *generator) mayRelease() bool {
	return g.rounds == 0 && (g.parallel == 0 || slices.Contains(g.areas, areas[0]))
}

// release makes a step, or a group of them, that works on releases.
func (g *generator) release() fields {
	home := homes[max(0, g.IntN(4)-2)]
	if g.model[path.Join(home, "current")] != link && g.IntN(3) > 0 {
		return g.adopts(home)
	}
	switch g.IntN(12) {
	case 0:
		made, _ := g.makes(home)
		return made
	case 1:
		return g.swaps(home, target(choose(g, g.releasesIn(home))))
	case 2:
		return g.prunes(home)
	case 3:
		at := choose(g, g.releasesIn(home))
		g.model.remove(at)
		return fields{"remove": target(at)}
	case 4:
		at, to := choose(g, g.releasesIn(home)), g.newRelease(home)
		g.model.move(at, to)
		return fields{"move": fields{"from": target(at), "to": target(to)}}
	case 5:
		return g.fallsBack(home)
	case 6:
		return fields{"link-tree": fields{
			"from": []string{target(home + "/current/root")}, "into": target(g.model.directory(g.Rand, g.areas)),
			"previous": []string{target(choose(g, g.releasesIn(home)) + "/root")}, "releases": target(home),
		}}
	case 7:
		return g.checked(home)
	}
	return g.updates(home)
}

// releasesIn lists those that the model knows.
func (g *generator) releasesIn(home string) (found []string) {
	for name, what := range g.model {
		if path.Dir(name) == home && what == directory {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	if found == nil {
		return []string{home + "/none"}
	}
	return found
}

func (g *generator) newRelease(home string) string {
	g.number++
	return fmt.Sprintf("%s/n%d", home, g.number)
}

// adopts makes the factory's directory the failsafe.
func (g *generator) adopts(home string) fields {
	g.model.move(home+"/current", home+"/failsafe")
	g.model[home+"/current"] = link
	return fields{"failsafe": fields{"dir": target(home)}}
}

func (g *generator) swaps(home, to string) fields {
	g.model[home+"/current"] = link
	return fields{"swap-link": fields{"link": target(home + "/current"), "to": to}}
}

// prunes may remove what nobody uses any more; the model does not know what.
func (g *generator) prunes(home string) fields {
	return fields{"prune": fields{"dir": target(home), "keep": 1 + g.IntN(4), "protect": []string{"current", "failsafe"}}}
}

// plenty keeps the shipped recipes, whose prune may fail, from removing anything: a disturbed one would leave
// another tree.
const plenty = 99

// makes makes a release in one of the ways there are, and tells where.
func (g *generator) makes(home string) (made fields, at string) {
	near := []string{target(home + "/current"), target(choose(g, g.releasesIn(home)))}[g.IntN(2)]
	linked := g.IntN(3) > 0
	arguments := fields{}
	switch g.IntN(5) {
	case 0, 1:
		name := choose(g, []string{"fw-1.tar.zst.gpg", "fw-2.tar.gz.gpg"})
		arguments["package"], arguments["keyring"], arguments["into"] = supply(name), supply("keys"), target(home)
		if linked {
			arguments["link-dest"] = near
		}
		if g.IntN(4) == 0 {
			arguments["copy"] = []string{"root/etc"}
		}
		if g.IntN(6) == 0 {
			arguments["exclude"] = []string{"only-*"}
		}
		name, _, _ = strings.Cut(name, ".")
		at = home + "/" + name
		for n := 1; ; n++ {
			if _, taken := g.model[at]; !taken {
				break
			}
			at = fmt.Sprintf("%s/%s-%d", home, name, n)
		}
		made = fields{"unpack": arguments}
	case 2:
		at = g.newRelease(home)
		name := choose(g, []string{"fw-1.tar", "fw-1.tar.gz", "fw-1.tar.xz", "fw-1.tar.bz2", "fw-1.tar.zst.gpg"})
		arguments["archive"], arguments["unverified"], arguments["strip"], arguments["to"] = supply(name), "allow", 1, target(at)
		if linked {
			arguments["link-dest"] = near
		}
		made = fields{"extract": arguments}
	case 3:
		at = g.newRelease(home)
		arguments["source"], arguments["target"] = choose(g, []string{supply("fw-1"), supply("fw-2"), near}), target(at)
		arguments["checksum"], arguments["delete"] = g.IntN(2) == 0, g.IntN(2) == 0
		if linked {
			arguments["link-dest"] = []string{target(home + "/current")}
		}
		made = fields{"rsync": arguments}
	default:
		at = g.newRelease(home)
		arguments["from"], arguments["to"] = near, target(at)
		made = fields{"copy": arguments}
	}
	g.model[at] = directory
	return made, at
}

// updates is what recipes are for: a release is made, tried, and taken for the running one; the older ones
// go.
func (g *generator) updates(home string) fields {
	made, at := g.makes(home)
	to := target(at)
	if _, unpacked := made["unpack"]; unpacked {
		g.number++
		id := fmt.Sprintf("s%d", g.number)
		made["id"], to = id, "${{ steps."+id+".path }}"
	}
	steps := []any{made}
	if g.IntN(3) == 0 {
		id := g.mark()
		steps = append(steps, fields{"hook": fields{"script": "hook", "dir": to, "env": g.environment(id)}, "undo": []any{g.undoing(id)}})
	}
	if g.IntN(4) == 0 { // once more, and to another one in between
		steps = append(steps, g.swaps(home, target(choose(g, g.releasesIn(home)))))
	}
	steps = append(steps, g.swaps(home, to))
	switch g.IntN(6) {
	case 0:
		steps = append(steps, g.prunes(home))
	case 1: // what was left just now
		old := choose(g, g.releasesIn(home))
		g.model.remove(old)
		steps = append(steps, fields{"remove": fields{"path": target(old), "missing": "ok"}})
	case 2: // the link leads nowhere, and then elsewhere
		moved := g.newRelease(home)
		g.model.move(at, moved)
		steps = append(steps, fields{"move": fields{"from": to, "to": target(moved)}}, g.swaps(home, target(moved)))
	}
	return fields{"steps": steps}
}

// fallsBack goes to the release before the running one.
func (g *generator) fallsBack(home string) fields {
	g.number++
	id := fmt.Sprintf("s%d", g.number)
	return fields{"steps": []any{
		fields{"id": id, "find-fallback": fields{"dir": target(home)}},
		g.swaps(home, "${{ steps."+id+".target }}"),
	}}
}

// checked extracts what a step above has verified.
func (g *generator) checked(home string) fields {
	g.number++
	id, at := fmt.Sprintf("s%d", g.number), g.newRelease(home)
	g.model[at] = directory
	return fields{"steps": []any{
		fields{"id": id, "verify": fields{"package": supply("fw-2.tar.gz.gpg"), "keyring": supply("keys")}},
		fields{"extract": fields{
			"archive": supply("fw-2.tar.gz.gpg"), "verified": "${{ steps." + id + ".voucher }}", "strip": 1, "to": target(at),
			"link-dest": target(home + "/current"),
		}},
	}}
}

// shipped uses a recipe that gwe brings.
func (g *generator) shipped() fields {
	home := "releases"
	switch g.IntN(5) {
	case 0:
		return fields{"use": "rollback", "with": fields{"target": target(home)}}
	case 1:
		if g.model["factory/current"] != link {
			g.adopts("factory")
		}
		return fields{"use": "failsafe", "with": fields{"target": target("factory")}}
	case 2:
		at := g.newRelease(home)
		g.model[at] = directory
		return fields{"use": "ota-rsync", "with": fields{"source": supply("fw-1"), "name": path.Base(at), "target": target(home), "keep": plenty}}
	}
	return fields{"use": "ota", "with": fields{
		"package": supply("fw-2.tar.gz.gpg"), "keyring": supply("keys"), "target": target(home), "keep": plenty,
	}}
}

// falls is the section for a machine that cannot be rolled back. It never comes to that here but by errors.
func (g *generator) falls() []any {
	return []any{g.say("failsafe"), fields{"swap-link": fields{"link": target("releases/current"), "to": target("releases/r1")}}}
}
