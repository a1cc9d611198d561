package check

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Checksum is the step type checksum.
func Checksum() step.Type {
	return step.New(step.About{
		Name:    "checksum",
		Summary: "Compute a file's checksum, and refuse to continue unless it is the expected one",
		Doc:     checksumDoc,
		Example: "checksum: { path: /var/cache/app/image.bin, sums: /var/cache/app/SHA256SUMS }\n",
		Scalar:  "path",
		Choices: []step.Choice{{Names: []string{"expected", "sums"}, None: true}},
	}, checksum{})
}

const checksumDoc = `The expected digest is given in hex digits by expected, or stands in the file sums, as sha256sum writes it ("DIGEST  NAME", or
"SHA256 (NAME) = DIGEST" of --tag) beside name; without name it is the file's own. With neither, nothing is compared, and the
digest is an output for later steps.

A digest that is another one fails the step as refused, and so does a file that sums does not list, or lists twice with
different digests.

A checksum tells whether a file was damaged on its way, not who made it: whoever can change the file can often change the sums too.
Trust comes from a signature: see verify and unpack. md5 and sha1 are for old lists; files can be made on purpose that share
them.`

// algorithms are the kinds of digest, by name.
var algorithms = map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New, "sha1": sha1.New, "md5": md5.New}

// largestSums bounds a list of checksums.
const largestSums = 16 << 20

type checksum struct{}

// checksumArguments are what a recipe gives.
type checksumArguments struct {
	Path      value.Path `name:"path" required:"true" help:"the file"`
	Algorithm string     `name:"algorithm" enum:"sha256,sha512,sha1,md5" default:"sha256" help:"how the digest is made"`
	Expected  string     `name:"expected" pattern:"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}" help:"the digest that it must have, in hex digits"`
	Sums      value.Path `name:"sums" help:"a list of digests, as sha256sum writes it"`
	Name      string     `name:"name" with:"sums" help:"the file's name in the list; where it is left out, its own"`
}

// checksumOutputs are what later steps may read.
type checksumOutputs struct {
	Digest string     `name:"digest" help:"the digest, in small hex digits"`
	Size   value.Size `name:"size" help:"how large the file is"`
}

// resolve gives the expected digest in small hex digits; "" where none is.
func (a checksumArguments) resolve(machine step.Machine) (string, error) {
	info, err := machine.Stat(string(a.Path))
	if err != nil {
		return "", fault.New(fault.Failed, "checksum-missing", "there is no file %s", a.Path).
			WithHint("see what is there: ls -l %s", filepath.Dir(string(a.Path))).WithCause(err)
	}
	if !info.Mode().IsRegular() {
		return "", fault.New(fault.Refused, "checksum-not-a-file", "%s is not a regular file", a.Path).WithHint("name a file")
	}
	switch {
	case a.Expected != "" && a.Sums != "":
		return "", fault.New(fault.Refused, "checksum-ambiguous", "checksum has expected and sums").WithHint("keep one of the two")
	case a.Name != "" && a.Sums == "":
		return "", fault.New(fault.Refused, "checksum-ambiguous", "checksum has a name, and no sums to look it up in").WithHint("write sums: /the/list, or leave name out")
	case a.Sums != "":
		return a.lookUp(machine)
	case a.Expected == "":
		return "", nil
	}
	return a.proper(a.Expected)
}

// proper gives a digest in small digits, or says why it is none.
func (a checksumArguments) proper(digest string) (string, error) {
	raw, err := hex.DecodeString(digest)
	if err == nil && len(raw) == algorithms[a.Algorithm]().Size() {
		return strings.ToLower(digest), nil
	}
	invalid := fault.New(fault.Refused, "checksum-invalid", "%q is no %s digest", digest, a.Algorithm)
	for _, other := range []string{"sha256", "sha512", "sha1", "md5"} {
		if err == nil && len(raw) == algorithms[other]().Size() {
			return "", invalid.WithHint("it looks like one of %s: write algorithm: %s", other, other)
		}
	}
	return "", invalid.WithHint("it has %d hex digits", 2*algorithms[a.Algorithm]().Size())
}

func (a checksumArguments) lookUp(machine step.Machine) (string, error) {
	file, err := machine.Open(string(a.Sums))
	if err != nil {
		return "", durable.Explain(err, "cannot read the list %s", a.Sums)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largestSums+1))
	if err != nil {
		return "", durable.Explain(err, "cannot read the list %s", a.Sums)
	}
	if len(text) > largestSums {
		return "", fault.New(fault.Refused, "checksum-list-too-long", "the list %s is longer than 16MiB", a.Sums).WithHint("is it a list of checksums?")
	}
	name := a.Name
	if name == "" {
		name = filepath.Base(string(a.Path))
	}
	found := ""
	for _, one := range parseSums(string(text)) {
		if filepath.Clean(one.name) != filepath.Clean(name) || one.algorithm != "" && one.algorithm != a.Algorithm {
			continue
		}
		digest, err := a.proper(one.digest)
		if err != nil {
			return "", err
		}
		if found != "" && found != digest {
			return "", fault.New(fault.Refused, "checksum-listed-twice", "%s lists %q twice, with different digests", a.Sums, name).
				WithHint("get a list that names each file once")
		}
		found = digest
	}
	if found == "" {
		return "", fault.New(fault.Refused, "checksum-not-listed", "%s does not list %q", a.Sums, name).
			WithHint("write name: as the list has it")
	}
	return found, nil
}

func (checksum) Plan(_ context.Context, machine step.Machine, arguments checksumArguments) (step.Plan, error) {
	expected, err := arguments.resolve(machine)
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{Do: []string{fmt.Sprintf("compute the %s of %s", arguments.Algorithm, arguments.Path)}}
	if expected != "" {
		plan.Do = []string{fmt.Sprintf("refuse to continue unless %s has the %s %s", arguments.Path, arguments.Algorithm, expected)}
	}
	if info, err := machine.Stat(string(arguments.Path)); err == nil {
		plan.Reads = info.Size()
	}
	return plan, nil
}

func (checksum) Prepare(context.Context, *step.Run, checksumArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (checksum) Do(ctx context.Context, run *step.Run, arguments checksumArguments, _ step.Nothing) (checksumOutputs, error) {
	if err := ctx.Err(); err != nil {
		return checksumOutputs{}, err
	}
	expected, err := arguments.resolve(run.Machine)
	if err != nil {
		return checksumOutputs{}, err
	}
	file, err := run.Machine.Open(string(arguments.Path))
	if err != nil {
		return checksumOutputs{}, durable.Explain(err, "cannot read %s", arguments.Path)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return checksumOutputs{}, durable.Explain(err, "cannot read %s", arguments.Path)
	}
	sum := algorithms[arguments.Algorithm]()
	read := int64(0)
	for {
		n, err := io.CopyN(sum, file, 4<<20)
		read += n
		if grows := max(info.Size(), step.LargestFile); read > grows {
			return checksumOutputs{}, fault.New(fault.Failed, "checksum-file-grows", "cannot take the checksum of %s: it grows while it is read", arguments.Path).
				WithHint("stop what writes it in a step before, or copy the file first")
		}
		run.Log.Progress(read, info.Size(), "bytes")
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return checksumOutputs{}, durable.Explain(err, "cannot read %s", arguments.Path)
		}
		if err := ctx.Err(); err != nil {
			return checksumOutputs{}, err
		}
	}
	outputs := checksumOutputs{Digest: hex.EncodeToString(sum.Sum(nil)), Size: value.SizeOf(read)}
	if expected != "" && outputs.Digest != expected {
		return outputs, fault.New(fault.Refused, "checksum-mismatch", "%s has the %s %s, expected %s", arguments.Path, arguments.Algorithm, outputs.Digest, expected).
			WithHint("it is damaged, or another file: get it again")
	}
	return outputs, nil
}

func (checksum) Undo(context.Context, *step.Run, checksumArguments, step.Nothing) error { return nil }
