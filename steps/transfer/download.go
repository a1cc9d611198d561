package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/bundle/fetch"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
	"github.com/gwe-project/gwe/steps/server"
)

// Download is the step type download.
func Download() step.Type {
	return step.New(step.About{
		Name:     "download",
		Summary:  "Download a file by http, https or file, and resume what was interrupted",
		Doc:      downloadDoc,
		Example:  downloadExample,
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "to"}},
		Undo:     "restores the old file, or removes the new one",
		UndoData: placement.UndoData,
	}, downloading{placement.Action[downloadArguments, downloadMemo]{Verb: "download"}})
}

const downloadExample = `download:
  url: https://updates.example.org/firmware-2.4.tar.zst.gpg
  mirrors: [https://mirror.example.org/firmware-2.4.tar.zst.gpg]
  to: /var/lib/firmware/firmware-2.4.tar.zst.gpg
  sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  max-rate: 2MiB
`

const downloadDoc = `The content is collected in partial-dir, checked, and only then put at the path: a reader sees the old file or the new one, never a
part. Nothing is trusted because it came by TLS: give sha256 or sha512, or check a signature in a later step (verify, unpack). A file
that has the digest already is left alone, and nothing is asked of any server. Without a digest it is downloaded every time.

An interrupted download is resumed: by the next attempt, the next run, and after kill -9, a reboot or a power cut. gwe asks for the rest by
Range, with If-Range where the server gave a strong ETag. With a digest the parts may come from several mirrors. Without one, the rest must be
of the same address and have the same strong ETag, or the download begins anew. A server that sends the whole file, or a range that was not asked
for, never leads to a wrong byte. What was collected stays in partial-dir when the run fails or is rolled back.

A lost connection, a stalled one, and the answers 408, 425, 429 and 5xx are tried again after a pause that grows from 1s to 60s, or that
Retry-After names, 15 minutes at most. attempts is how many rounds through all addresses may fail without progress. Other answers, certificates that are not trusted, and
content with another digest or size give an address up at once, and the next mirror is tried. timeout: bounds an attempt of the step as a whole.

user and password, token and headers are sent to the hosts that the recipe names, never to the host of a redirect, and to no http
mirror of an https address. At most 10 redirects are followed, and none from https to http. Addresses in logs and errors have no query. The proxy is
HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment.

With cache: true the file is taken from the cache if it is there, and no server is asked; else it is added to it. An entry is verified whenever it is
used, and a damaged one is removed and downloaded again. A rollback leaves the cache as it is, so the next run downloads nothing. A file that is longer than
cache-size is not kept. gwe cache lists, verifies and cleans it.

Refused are a directory and a symbolic link at to, content that is longer than max-size, and without a digest: content with an encoding that was not asked
for, and an answer that does not say where it ends.

Undo restores the old file itself, with its times and links, or removes the file where there was none.`

type downloading struct {
	placement.Action[downloadArguments, downloadMemo]
}

// downloadArguments are what a recipe gives.
type downloadArguments struct {
	URL     value.URL   `name:"url" required:"true" secrets:"true" pattern:"(https?|file)://.+" help:"the address: http, https or file"`
	To      value.Path  `name:"to" required:"true" help:"the file to write"`
	SHA256  string      `name:"sha256" pattern:"[0-9a-fA-F]{64}" help:"the digest that the content must have, in hex digits"`
	SHA512  string      `name:"sha512" pattern:"[0-9a-fA-F]{128}" help:"the same with SHA-512"`
	MD5     string      `name:"md5" pattern:"[0-9a-fA-F]{32}" help:"the same with MD5, beside sha256 or sha512 only"`
	Size    *value.Size `name:"size" help:"how long the content must be"`
	MaxSize value.Size  `name:"max-size" default:"4GiB" help:"how long the content may be"`
	Mode    string      `name:"mode" pattern:"[0-7]{3,4}" help:"octal digits in quotes; where it is left out, the old file's, or 0644"`
	Owner   string      `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number; where it is left out, the old file's, or the one gwe runs as"`

	server.Arguments
	server.CacheArguments
}

// downloadMemo is what the undo needs.
type downloadMemo struct{ placement.Placement }

// downloadOutputs are what later steps may read.
type downloadOutputs struct {
	Changed bool       `name:"changed" help:"whether the file was not as wanted already"`
	SHA256  string     `name:"sha256" help:"its digest, in small hex digits"`
	Size    value.Size `name:"size" help:"how long it is"`
}

// downloadedNote is the file in Run.Directory that holds the SHA-256 of what was put in place: undo knows the
// file by it where inode numbers do not outlive a mount (vfat).
const downloadedNote = "downloaded"

func (downloading) Plan(ctx context.Context, machine step.Machine, arguments downloadArguments) (step.Plan, error) {
	want, err := arguments.resolve(machine)
	if err != nil {
		return step.Plan{}, err
	}
	for _, file := range []value.Path{arguments.CA, arguments.Cert, arguments.Key} {
		if _, err := machine.Stat(string(file)); file != "" && err != nil {
			return step.Plan{}, step.Stands(fault.New(fault.Failed, "download-file-missing", "there is no file %s", file).WithCause(err).
				WithHint("name a file that is there, or make it in a step before"), string(file))
		}
	}
	there, err := want.satisfied(ctx, machine)
	if err != nil {
		return step.Plan{}, err
	}
	if there {
		return step.Plan{Do: []string{want.path + " is as wanted"}, Nothing: true}, nil
	}
	plan := step.Plan{Do: []string{fmt.Sprintf("download %s to %s", fetch.Shown(string(arguments.URL)), want.path)}, Undo: []string{"restore the old " + want.path}}
	if want.found == nil {
		plan.Undo = []string{"remove " + want.path}
	}
	if arguments.Size != nil {
		plan.Do[0] += ": " + arguments.Size.String()
		plan.Space = map[string]int64{filepath.Dir(want.path): arguments.Size.Bytes()}
		plan.Writes = arguments.Size.Bytes()
	}
	if size, there := want.stored.Has(machine); there {
		plan.Do[0] = fmt.Sprintf("copy %s from the cache to %s: %s", fetch.Shown(string(arguments.URL)), want.path, value.SizeOf(size))
		plan.Space = map[string]int64{filepath.Dir(want.path): size}
		plan.Reads, plan.Writes = size, size
	}
	return plan, nil
}

func (downloading) Prepare(ctx context.Context, run *step.Run, arguments downloadArguments) (downloadMemo, error) {
	machine := placement.Looking(run)
	want, err := arguments.resolve(machine)
	if err != nil {
		return downloadMemo{}, err
	}
	if _, err := fetch.NewClient(ctx, arguments.Access()); err != nil {
		return downloadMemo{}, err
	}
	there, err := want.satisfied(ctx, machine)
	if err != nil || there {
		return downloadMemo{}, err
	}
	placed, err := placement.New(want.path, run, want.found)
	return downloadMemo{placed}, err
}

func (downloading) Do(ctx context.Context, run *step.Run, arguments downloadArguments, memo downloadMemo) (outputs downloadOutputs, err error) {
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	want, err := arguments.resolve(placement.Looking(run))
	if err != nil {
		return outputs, err
	}
	if memo.New == "" {
		return want.outputs(ctx, run.Machine)
	}
	client, err := fetch.NewClient(ctx, arguments.Access())
	if err != nil {
		return outputs, err
	}
	digest, size, err := want.deliver(ctx, run, client, memo)
	if err != nil {
		return outputs, err
	}
	outputs = downloadOutputs{Changed: true, SHA256: digest, Size: value.SizeOf(size)}
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	if err := durable.WriteNote(filepath.Join(run.Directory, downloadedNote), []byte(digest)); err != nil {
		return outputs, err
	}
	return outputs, memo.Put(ctx, run, true)
}

// deliver gets the file and puts it where memo says, and gets it once more where the cache had a damaged one.
func (w wantedDownload) deliver(ctx context.Context, run *step.Run, client *fetch.Client, memo downloadMemo) (digest string, size int64, err error) {
	for {
		file, err := server.Obtain(ctx, run, run.Log, client, w.order, w.stored)
		if err != nil {
			return "", 0, err
		}
		digest, err = w.place(ctx, run, memo, file)
		file.Close()
		if err == nil {
			return digest, file.Size, nil
		}
		if !cache.IsDamaged(err) || errors.Is(err, context.Canceled) {
			return "", 0, err
		}
		run.Log.Warn(err.Error())
		w.stored = server.Stored{} // a disk that damages what it stores would do so again
	}
}

func (downloading) Undo(ctx context.Context, run *step.Run, _ downloadArguments, memo downloadMemo) error {
	return memo.Undo(ctx, run, "download", func(now fs.FileInfo) bool {
		digest, err := regular.Read(filepath.Join(run.Directory, downloadedNote))
		if err != nil || !now.Mode().IsRegular() {
			return false
		}
		same, err := holds(ctx, placement.Looking(run), memo.Path, fetch.Digests{SHA256: string(digest)})
		return err == nil && same
	})
}

// holds reports whether a file has the digests.
func holds(ctx context.Context, machine step.Machine, path string, digests fetch.Digests) (bool, error) {
	file, err := machine.Open(path)
	if err != nil {
		return false, durable.Explain(err, "cannot read %s", path)
	}
	defer file.Close()
	same, err := digests.Matches(file, ctx.Err)
	if err != nil && ctx.Err() == nil {
		err = durable.Explain(err, "cannot read %s", path)
	}
	return same, err
}

// wantedDownload is what is to be where.
type wantedDownload struct {
	path     string
	order    fetch.Order
	stored   server.Stored
	mode     fs.FileMode
	uid, gid int
	// found is what is at the path; nil where nothing is.
	found fs.FileInfo
}

// resolve reads the arguments, and looks at what is there. It asks no server.
func (a downloadArguments) resolve(machine step.Machine) (want wantedDownload, err error) {
	want = wantedDownload{mode: 0o644, uid: os.Geteuid(), gid: os.Getegid()}
	if want.order, err = a.Order(string(a.URL), a.MaxSize.Bytes()); err != nil {
		return want, err
	}
	want.order.Digests = fetch.Digests{SHA256: a.SHA256, SHA512: a.SHA512, MD5: a.MD5}
	if a.Size != nil {
		want.order.Size = a.Size.Bytes()
	}
	if want.stored, err = a.Stored(a.SHA256, a.SHA512); err != nil {
		return want, err
	}
	if err := want.order.Check(); err != nil {
		return want, err
	}
	if want.path, err = placement.Absolute(a.To); err != nil {
		return want, err
	}
	if want.found, err = placement.Destination(machine, "download", want.path); err != nil {
		return want, err
	}
	if want.found != nil {
		if !want.found.Mode().IsRegular() {
			return want, fault.New(fault.Refused, "download-not-a-file", "cannot download to %s: it is not a regular file", want.path).
				WithHint("name the file itself, or remove what is there in a step before")
		}
		want.mode = want.found.Mode() & placement.ModeBits
		want.uid, want.gid = placement.OwnerOf(want.found)
	}
	if a.Mode != "" {
		if want.mode, err = placement.ParseMode(a.Mode); err != nil {
			return want, err
		}
	}
	if a.Owner != "" {
		want.uid, want.gid, err = placement.ParseOwner(a.Owner)
	}
	return want, err
}

// satisfied reports whether the file is as wanted already, which only a digest tells.
func (w wantedDownload) satisfied(ctx context.Context, machine step.Machine) (bool, error) {
	if w.found == nil || !w.order.Digests.Given() || w.found.Mode()&placement.ModeBits != w.mode {
		return false, nil
	}
	if uid, gid := placement.OwnerOf(w.found); uid != w.uid || gid != w.gid {
		return false, nil
	}
	if w.order.Size >= 0 && w.found.Size() != w.order.Size {
		return false, nil
	}
	return holds(ctx, machine, w.path, w.order.Digests)
}

// outputs are those of a file that is as wanted already.
func (w wantedDownload) outputs(ctx context.Context, machine step.Machine) (downloadOutputs, error) {
	file, err := machine.Open(w.path)
	if err != nil {
		return downloadOutputs{}, durable.Explain(err, "cannot read %s", w.path)
	}
	defer file.Close()
	digest, size, err := fetch.SHA256Of(file, ctx.Err)
	if ended := ctx.Err(); ended != nil {
		return downloadOutputs{}, ended
	}
	if err != nil {
		return downloadOutputs{}, durable.Explain(err, "cannot read %s", w.path)
	}
	return downloadOutputs{SHA256: digest, Size: value.SizeOf(size)}, nil
}

// place gives the file its hidden name beside its path, with mode and owner, and tells its SHA-256.
func (w wantedDownload) place(ctx context.Context, run *step.Run, memo downloadMemo, file *server.Obtained) (string, error) {
	directory, name, err := run.Dir(memo.New)
	if err != nil {
		return "", placement.Unwritable(w.path, err)
	}
	defer directory.Close()
	if free, err := run.Machine.Space(filepath.Dir(w.path)); err == nil && free < file.Size && !file.Movable(directory) {
		return "", fault.New(fault.Refused, "download-no-space", "cannot put the download at %s: %d bytes are missing on its file system", w.path, file.Size-free).
			WithHint("free some space there; what was downloaded is kept")
	}
	digest, err := file.Put(ctx, directory, name, func(done, total int64) { run.Log.Progress(done, total, "bytes copied") })
	if err != nil {
		return "", err
	}
	entry, err := directory.Entry(name)
	if err != nil {
		return "", placement.Unwritable(w.path, err)
	}
	defer entry.Close()
	// A change of owner clears setuid, so the mode comes last.
	if err := errors.Join(entry.Chown(w.uid, w.gid), entry.Chmod(placement.ModeNumber(w.mode))); err != nil {
		return "", placement.Unwritable(w.path, err)
	}
	return digest, nil
}
