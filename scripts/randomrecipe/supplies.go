//go:build amd64

package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// supplies is a directory with what recipes install, made once for a campaign:
//
//	fw-1, fw-2           releases, as directories: most of their files equal those of the releases on the machine
//	fw-1.tar.zst.gpg     packages, signed
//	fw-2.tar.gz.gpg
//	strange.tar.zst.gpg  a package that a stranger has signed
//	fw-1.tar.xz, ...     archives
//	keys                 the keyring
//	steps                two plugins, which stay on the machine
//
// A recovery has to do without all others.
type supplies string

//go:embed gwe-step-plugged
var plugin []byte

// newSupplies makes them below base; the gwe describes the plugin.
func newSupplies(base, program string) (made supplies, err error) {
	findings := gateway.NewFindings(base)
	gateway.Within(func() {
		made = supplies(findings.TempDir())
		check := func(err error) {
			if err != nil {
				findings.Fatal(err)
			}
		}
		check(os.Mkdir(made.path("steps"), 0o755))
		check(os.WriteFile(made.path("steps/gwe-step-plugged"), plugin, 0o755))
		check(os.WriteFile(made.path("steps/gwe-step-takes"), takesPlugin, 0o755))
		for _, name := range []string{"plugged", "takes"} {
			check(exec.Command(program, "steps", "describe", made.path("steps/gwe-step-"+name)).Run())
		}
		key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: string(made)})
		check(err)
		_, err = bundle.ImportKeys(made.path("keys"), key.Public)
		check(err)
		stranger, err := bundle.NewKey("stranger", "", bundle.NewKeyOptions{Directory: string(made)})
		check(err)
		p := newPlant(findings, 0, string(made))
		for n, name := range []string{"fw-1", "fw-2"} {
			p.release(name, 5+n)
		}
		p.stamp()
		pack := func(directory, as, key string, compression bundle.Compression) {
			_, err := bundle.Pack(context.Background(), bundle.PackOptions{
				Directory: made.path(directory), Output: made.path(as), SigningKey: key, Compression: compression,
			})
			check(err)
		}
		pack("fw-1", "fw-1.tar.zst.gpg", key.Secret, bundle.Zstandard)
		pack("fw-2", "fw-2.tar.gz.gpg", key.Secret, bundle.Gzip)
		pack("fw-2", "strange.tar.zst.gpg", stranger.Secret, bundle.Zstandard)
		for _, format := range []string{"", ".gz", ".xz", ".bz2"} {
			command := exec.Command("tar", "--auto-compress", "--create", "--file", made.path("fw-1.tar"+format), "--directory", string(made), "fw-1")
			check(command.Run())
		}
	})
	if findings.Failed() {
		return "", fmt.Errorf("what recipes install cannot be made: %v", findings.Violations)
	}
	return made, nil
}

func (s supplies) path(name string) string { return filepath.Join(string(s), name) }

// lay puts them into a directory of a machine.
func (s supplies) lay(directory string) error {
	return exec.Command("cp", "-a", string(s), directory).Run()
}

// supply writes a path below them as recipes do.
func supply(name string) string { return "${{ inputs.supplies }}/" + name }
