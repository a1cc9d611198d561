package archive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/bundle/fetch"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/server"
)

// largestPackage is how long a package may be that is downloaded whole, unless max-size is more, in bytes.
const largestPackage = 4 << 30

// file is the package's file, "" where it is at a server.
func (a unpackArguments) file() string {
	if a.Package.Remote() {
		return ""
	}
	return string(a.Package)
}

// shown is the package as it may be shown: an address without what may be secret in it.
func (a unpackArguments) shown() string {
	if a.Package.Remote() {
		return fetch.Shown(string(a.Package))
	}
	return string(a.Package)
}

// name is that of the package's file.
func (a unpackArguments) name() string { return path.Base(a.shown()) }

// server is how the package is reached. It connects to nothing.
func (a unpackArguments) server(ctx context.Context) (*fetch.Client, fetch.Order, error) {
	most := int64(largestPackage)
	if a.MaxSize != nil {
		most = max(most, a.MaxSize.Bytes())
	}
	order, err := a.Order(string(a.Package), most)
	order.Digests = fetch.Digests{SHA256: a.SHA256, SHA512: a.SHA512}
	if err == nil {
		err = order.Check()
	}
	if err == nil {
		_, err = a.Stored(a.SHA256, a.SHA512)
	}
	if err != nil {
		return nil, order, err
	}
	client, err := fetch.NewClient(ctx, a.Access())
	return client, order, err
}

// wantsWhole reports whether an argument asks for the whole package.
func (a unpackArguments) wantsWhole() bool {
	return a.Strip > 0 || a.Signature != "" || a.SHA256 != "" || a.SHA512 != ""
}

// planServer adds to a plan what is fetched. It asks no server.
func (a unpackArguments) planServer(machine step.Machine, j job, plan step.Plan) (step.Plan, error) {
	beside, err := j.beside()
	if err != nil {
		return step.Plan{}, err
	}
	stored, err := a.Stored(a.SHA256, a.SHA512)
	if err != nil {
		return step.Plan{}, err
	}
	how := "download the package whole"
	if size, there := stored.Has(machine); there {
		how = "take the package from the cache: " + value.SizeOf(size).String()
	} else if beside != "" && !a.wantsWhole() {
		how = "fetch the package's index, and then what " + beside + " does not have; or the package whole, where the server gives no ranges or most of it is needed"
	}
	plan.Do = append([]string{how}, plan.Do...)
	plan.Reads, plan.Writes, plan.Space = 0, 0, nil
	return plan, nil
}

// wholeError says why a package is to be fetched whole.
type wholeError struct{ why string }

func (e wholeError) Error() string { return e.why }

// fromServer installs a package that is at a server.
func (a unpackArguments) fromServer(ctx context.Context, run *step.Run, j job, m memo) (unpackOutputs, error) {
	client, order, err := a.server(ctx)
	if err != nil {
		return unpackOutputs{}, err
	}
	order.Say = run.Log.Info
	if m.Beside != "" && !a.wantsWhole() {
		outputs, err := a.byRanges(ctx, run, j, m, client, order)
		var whole wholeError
		if !errors.As(err, &whole) {
			return outputs, err
		}
		run.Log.Info("the package is fetched whole: " + whole.why)
	}
	return a.downloaded(ctx, run, j, m, client, order)
}

// byRanges fetches the index and what the running release does not have. Its error is a wholeError where the
// package is to be fetched whole; there is nothing of the release then.
func (a unpackArguments) byRanges(ctx context.Context, run *step.Run, j job, m memo, client *fetch.Client, order fetch.Order) (unpackOutputs, error) {
	remote, err := client.Remote(ctx, order)
	if err != nil {
		return unpackOutputs{}, orWhole(err)
	}
	defer remote.Close()
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	found, err := openIndex(ctx, run, a, func(ctx context.Context, policy bundle.Policy) (*bundle.Indexed, error) {
		return bundle.IndexedIn(ctx, remote.Within(reading), remote.Size(), a.shown(), policy)
	})
	switch {
	case err != nil:
		return unpackOutputs{}, orWhole(err)
	case found == nil:
		return unpackOutputs{}, wholeError{"it has no index to go by"}
	}
	defer found.Close()
	defer cancel() // before Close, which waits for a request that was made ahead
	if err := j.planRanges(ctx, run, m, found); err != nil {
		return unpackOutputs{}, err
	}
	release, err := j.make(ctx, run, m, &indexed{Indexed: found})
	requests, fetched := remote.Cost()
	run.Log.Info(fmt.Sprintf("fetched %s of %s in %d requests", value.SizeOf(fetched), value.SizeOf(remote.Size()), requests))
	if err == nil {
		return outputsOf(release, found.Signer), nil
	}
	if err = orWhole(err); errors.As(err, &wholeError{}) {
		if discarded := j.discardStaging(run, m); discarded != nil {
			return unpackOutputs{}, discarded
		}
	}
	return unpackOutputs{}, err
}

// planRanges chooses what is read ahead. Its error is a wholeError where most of the package is needed.
func (j job) planRanges(ctx context.Context, run *step.Run, m memo, found *bundle.Indexed) error {
	beside, err := j.besideHere(run, m)
	if err != nil {
		return err
	}
	if beside == nil {
		return wholeError{"the running release gives nothing to it"}
	}
	defer beside.Close()
	needed, err := j.needed(ctx, found, m.Beside, beside)
	if err != nil {
		return err
	}
	fetched := found.Message
	for _, one := range found.Ranges(needed) {
		fetched += one.Length
	}
	if fetched > found.Length/2 {
		return wholeError{fmt.Sprintf("%s of its %s are needed", value.SizeOf(fetched), value.SizeOf(found.Length))}
	}
	return found.ReadAhead(needed, true)
}

// besideHere opens the running release where files can be linked from it; nil is none.
func (j job) besideHere(run *step.Run, m memo) (*openat.Dir, error) {
	nearest := j.directory
	if m.Created {
		nearest = filepath.Dir(nearest)
	}
	into, _, err := run.Dir(filepath.Join(nearest, m.Staging))
	if err != nil {
		return nil, explain(err, "cannot open %s", nearest)
	}
	defer into.Close()
	return openBeside(run.Log, m, into)
}

// discardStaging removes what an attempt has extracted.
func (j job) discardStaging(run *step.Run, m memo) error {
	dir, err := j.into(run, m)
	if err != nil {
		return explain(err, "cannot open the target directory %s", j.directory)
	}
	defer dir.Close()
	return durable.DiscardKnown(dir, m.Staging, isStaged(run))
}

// orWhole makes a wholeError of what the whole package may cure: a server without ranges, a line or a server
// that damages parts. What is wrong with the package itself is then said of the whole.
func orWhole(err error) error {
	found := fault.As(err)
	switch {
	case found == nil:
		return err
	case fetch.NeedsWhole(err):
		return wholeError{found.Message}
	}
	switch found.Code {
	case "index-signature-bad", "index-other-package", "index-damaged", "index-limit", "index-frame-digest", "package-truncated":
		return wholeError{found.Message}
	}
	return err
}

// downloaded fetches the package whole, or takes it from the cache, and installs it from its file.
func (a unpackArguments) downloaded(ctx context.Context, run *step.Run, j job, m memo, client *fetch.Client, order fetch.Order) (outputs unpackOutputs, err error) {
	file, err := a.obtain(ctx, run, client, order)
	if err != nil {
		return unpackOutputs{}, err
	}
	defer file.Close()
	opened, err := bundle.OpenAlone(ctx, file.Path(), a.shown())
	if err != nil {
		return unpackOutputs{}, err
	}
	defer opened.Close()
	outputs, err = a.install(ctx, run, j, m, opened)
	if found := fault.As(err); err == nil || found != nil && found.Class == fault.Refused {
		// A download that was refused would be refused again; one that was interrupted is taken up.
		if discarded := file.Discard(); discarded != nil && err == nil {
			run.Log.Warn("the downloaded package stays: " + discarded.Error())
		}
	}
	return outputs, err
}

// obtain gives the whole package, verified against its digest if that is known.
func (a unpackArguments) obtain(ctx context.Context, run *step.Run, client *fetch.Client, order fetch.Order) (*server.Obtained, error) {
	stored, err := a.Stored(a.SHA256, a.SHA512)
	if err != nil {
		return nil, err
	}
	task := run.Log.Begin("task", "Download "+a.name())
	for {
		file, err := server.Obtain(ctx, run, task, client, order, stored)
		if err == nil {
			if err = file.Verify(ctx, server.Progress(task)); err == nil {
				task.Done(value.SizeOf(file.Size).String())
				return file, nil
			}
			file.Close()
		}
		if !cache.IsDamaged(err) {
			task.Fail(err)
			return nil, err
		}
		task.Warn(err.Error())
		stored = server.Stored{} // a disk that damages what it stores would do so again
	}
}
