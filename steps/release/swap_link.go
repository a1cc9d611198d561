package release

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
)

// SwapLink is the step type swap-link.
func SwapLink() step.Type {
	return step.New(step.About{
		Name:    "swap-link",
		Summary: "Point a symbolic link at another release, at once",
		Doc:     swapLinkDoc,
		Example: "swap-link: { link: /opt/firmware/current, to: /opt/firmware/firmware-2 }\n",
		Effects: []step.Effect{{Kind: step.Swaps, Argument: "link"}},
		Undo:    "points the link back, or removes it where there was none",

		MakesDirectory: true,
	}, swapLink{})
}

const swapLinkDoc = `A new link is made beside the old one and renamed over it, and the directory is synced: whoever follows the link finds the
old target or the new one, at every moment, and after a power cut too.

Where the target lies in the link's own directory the link holds its bare name, so that the directory can be moved or mounted
elsewhere; else it holds the absolute path. The target must exist. A directory or a file in the link's place is refused.

A release that the link is pointed away from, to an older one or to the failsafe, is left as bad: find-fallback does not choose it again,
and prune removes it first. What is older is recorded when releases are installed, in the directory .gwe-releases beside them; no
clock decides. leave-as says it outright. A bad release that the link is pointed at again, or that is installed again, is not bad any more.

Undo gives back exactly the old link, its text, owner and time; where there was none, it removes the link. A link that somebody
else has changed since is left alone, and the undo fails. As long as the undo may be asked for, prune keeps the
old target, and the old link stays beside the new one under a hidden name: so a full disk cannot keep it from coming back.`

type swapLinkArguments struct {
	Link value.Path `name:"link" required:"true" help:"the symbolic link; it is made where it is missing"`
	To   value.Path `name:"to" required:"true" help:"where it is to point"`
	// LeaveAs is how the release is left that the link points to so far.
	LeaveAs string `name:"leave-as" enum:"auto,good,bad" default:"auto" help:"how the release is left that the link points to so far; auto is bad where to is an older release or the failsafe"`
}

// swapLinkMemo is the old link, and the names that do uses.
type swapLinkMemo struct {
	Link string `json:"link"`
	// Text is what the new link holds.
	Text string `json:"text"`
	// Temporary is the hidden name under which a link is made before it gets its own. From then on the old
	// link has it.
	Temporary string `json:"temporary"`
	// Found, OldText, Owner, Group and Modified are the old link.
	Found    bool      `json:"found"`
	OldText  string    `json:"old-text,omitempty"`
	Owner    int       `json:"owner,omitempty"`
	Group    int       `json:"group,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
	// OldTarget is where the old link leads.
	OldTarget string `json:"old-target,omitempty"`
	// Order records that Leave is left as bad, and that Choose is not bad any more; "" is none.
	Order  order.Record `json:"order,omitzero"`
	Leave  string       `json:"leave,omitempty"`
	Choose string       `json:"choose,omitempty"`
}

type swapLink struct{}

func (swapLink) Plan(_ context.Context, machine step.Machine, arguments swapLinkArguments) (step.Plan, error) {
	link, text, err := placed(arguments)
	if err != nil {
		return step.Plan{}, err
	}
	old, found, err := readLink(machine, link, "swap-link-not-a-link")
	switch {
	case err != nil:
		return step.Plan{}, err
	case !found:
		return step.Plan{
			Do:   []string{fmt.Sprintf("point %s at %s (there is no such link now)", link, text)},
			Undo: []string{"remove " + link},
		}, nil
	case old == text:
		return step.Plan{Do: []string{fmt.Sprintf("leave %s pointing at %s", link, text)}, Nothing: true}, nil
	}
	to, err := absolute(arguments.To)
	if err != nil {
		return step.Plan{}, err
	}
	leaves, err := leavingOf(machine, link, to, arguments.LeaveAs)
	return step.Plan{
		Do:   append([]string{fmt.Sprintf("point %s at %s (now %s)", link, text, old)}, leaves.lines()...),
		Undo: []string{fmt.Sprintf("point %s back at %s", link, old)},
	}, err
}

func (swapLink) Prepare(_ context.Context, run *step.Run, arguments swapLinkArguments) (swapLinkMemo, error) {
	link, text, err := placed(arguments)
	if err != nil {
		return swapLinkMemo{}, err
	}
	to, err := absolute(arguments.To)
	if err != nil {
		return swapLinkMemo{}, err
	}
	next, found := releaseAt(to)
	if !found {
		_, err = run.Machine.Stat(to)
	}
	if err != nil {
		return swapLinkMemo{}, fault.New(fault.Failed, "swap-link-no-target", "%s cannot point at %s, which is not there", link, to).
			WithHint("the step that makes it comes before this one; see what is there: ls -l %s", filepath.Dir(to)).WithCause(err)
	}
	memo := swapLinkMemo{Link: link, Text: text, Temporary: filepath.Join(filepath.Dir(link), durable.Prefix+"old-"+run.ID+"-"+run.Step)}
	var leaves leaving
	if found {
		if leaves, err = leavingFor(run.Machine, link, to, next, arguments.LeaveAs); err != nil {
			return swapLinkMemo{}, err
		}
	}
	if leaves.dir != "" {
		memo.Order, memo.Leave, memo.Choose = order.In(run, leaves.dir), leaves.leave, leaves.choose
	}
	dir, name, err := run.Dir(link)
	if err != nil {
		return memo, durable.Explain(err, "cannot look at %s", link)
	}
	defer dir.Close()
	if memo.OldText, memo.Found, err = readLinkIn(dir, name, "swap-link-not-a-link"); err != nil || !memo.Found {
		return memo, err
	}
	status, err := dir.Stat(name)
	if err != nil {
		return memo, durable.Explain(err, "cannot look at %s", link)
	}
	memo.Modified, memo.Owner, memo.Group = time.Unix(status.Mtim.Unix()), int(status.Uid), int(status.Gid)
	// Where the old text is unclear, the link can be restored all the same, and there is nothing to keep.
	memo.OldTarget, _ = targetOf(run.Machine, link, memo.OldText)
	return memo, nil
}

// placed gives the link's absolute path, and the text that it is to hold.
func placed(arguments swapLinkArguments) (link, text string, err error) {
	if link, err = absolute(arguments.Link); err != nil {
		return "", "", err
	}
	to, err := absolute(arguments.To)
	switch {
	case err != nil:
		return "", "", err
	case to == link:
		return "", "", fault.New(fault.Refused, "swap-link-to-itself", "%s cannot point at itself", link).
			WithHint("to names the release")
	case filepath.Dir(to) == filepath.Dir(link):
		return link, filepath.Base(to), nil
	}
	return link, to, nil
}

// Report implements step.Reporter: the release that the link leads to.
func (swapLink) Report(_ context.Context, machine step.Machine, arguments swapLinkArguments) []step.Report {
	if arguments.Link == "" {
		return nil
	}
	told := step.Report{Kind: step.ReportRelease, Name: string(arguments.Link), State: "no link is there"}
	if target, err := machine.ReadLink(string(arguments.Link)); err == nil {
		told.State = target
		_, err = machine.Stat(string(arguments.Link))
		if told.Good = err == nil; !told.Good {
			told.State += ", which is not there"
		}
	}
	return []step.Report{told}
}
