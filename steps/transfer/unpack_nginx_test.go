package transfer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// vendor makes packages that a keyring trusts.
type vendor struct {
	*nginx
	key, keyring, tree string
}

func newVendor(n *nginx) *vendor {
	v := &vendor{nginx: n, key: filepath.Join(n.TempDir(), "key"), keyring: n.TempDir(), tree: filepath.Join(n.TempDir(), "fw")}
	made, err := openpgp.NewEntity("Vendor", "", "releases@example.org", nil)
	n.check(err)
	var secret, public bytes.Buffer
	n.check(made.SerializePrivate(&secret, nil))
	n.check(made.Serialize(&public))
	n.check(os.WriteFile(v.key, secret.Bytes(), 0o600))
	n.check(os.WriteFile(filepath.Join(v.keyring, "vendor.gpg"), public.Bytes(), 0o600))
	// 200 small files and two large ones, 24 MiB.
	content := noise(24 << 20)
	n.check(os.MkdirAll(filepath.Join(v.tree, "lib"), 0o755))
	for i := range 200 {
		n.check(os.WriteFile(v.small(i), content[i*40<<10:][:40<<10], 0o644))
	}
	v.large("image", content[8<<20:][:11<<20])
	v.large("rootfs", content[19<<20:])
	return v
}

func (v *vendor) small(i int) string { return filepath.Join(v.tree, "lib", fmt.Sprintf("%03d", i)) }

func (v *vendor) large(name string, content []byte) {
	v.Helper()
	v.check(os.WriteFile(filepath.Join(v.tree, name), content, 0o644))
}

// publish packs the tree into what nginx serves, and gives the package's length.
func (v *vendor) publish(name string) int64 {
	v.Helper()
	path, err := bundle.Pack(v.Context(), bundle.PackOptions{Directory: v.tree, Name: name, Output: v.base + "/www", SigningKey: v.key})
	v.check(err)
	v.check(os.Chmod(path, 0o644))
	info, err := os.Stat(path)
	v.check(err)
	return info.Size()
}

// recipe installs the release of a name, from where nginx has it, and makes it the current one. It fails
// after that where broken is true.
func (v *vendor) recipe(place, from, name string, broken bool) string {
	v.Helper()
	path := filepath.Join(v.TempDir(), "recipe.yaml")
	text := fmt.Sprintf(`gwe: 1
name: update
steps:
  - unpack:
      package: %[1]s/%[2]s/%[3]s.tar.zst.gpg
      keyring: %[4]s
      into: %[5]s/fw
      link-dest: %[5]s/fw/current
      partial-dir: %[5]s/partial
    id: new
  - swap-link: { link: %[5]s/fw/current, to: "${{ steps.new.path }}" }
`, v.plain, from, name, v.keyring, place)
	if broken {
		text += "  - run: { argv: [\"false\"] }\n    effects: none\n"
	}
	v.check(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// bytesSent is how many bytes nginx has sent, and in how many answers.
func (n *nginx) bytesSent() (sum int64, answers int) {
	for _, line := range n.sent() {
		if fields := strings.Fields(line); len(fields) > 2 {
			sent, err := strconv.ParseInt(fields[2], 10, 64)
			n.check(err)
			sum += sent
			answers++
		}
	}
	return sum, answers
}

// since waits until nginx has logged what it sent, and gives how much that was since before.
func (n *nginx) since(before int64, answers int) int64 {
	n.Helper()
	n.await("nginx logs nothing", func() bool { _, is := n.bytesSent(); return is > answers })
	last := int64(-1)
	n.await("nginx sends on", func() bool {
		sum, _ := n.bytesSent()
		still := sum == last
		last = sum
		return still
	})
	return last - before
}

// TestUpdateFetchesWhatChanged: an update of a twentieth fetches less than 8 % of the package, its index
// included, and one of nothing less than 1 %, counted by nginx.
func TestUpdateFetchesWhatChanged(t *testing.T) {
	n := startNginx(t, nil)
	v, bench, place := newVendor(n), recipetest.New(t, catalog()), t.TempDir()
	n.check(os.Mkdir(place+"/fw", 0o755))
	install := func(name string) float64 {
		size := v.publish(name)
		before, answers := n.bytesSent()
		bench.WantExit(0, v.recipe(place, "open", name, false), nil)
		v.same(place)
		return float64(n.since(before, answers)) / float64(size)
	}
	if share := install("fw-1"); share < 1 || share > 1.01 {
		t.Errorf("the first installation fetched %.3f of the package", share)
	}
	if share := install("fw-2"); share >= 0.01 {
		t.Errorf("an update of nothing fetched %.4f of the package", share)
	}
	// A twentieth: 10 of 200 files, a part of a large one, and an insertion into the other.
	for i := range 10 {
		n.check(os.WriteFile(v.small(i*20+7), noise(41 << 10)[i<<10:], 0o644))
	}
	image, err := os.ReadFile(filepath.Join(v.tree, "image"))
	n.check(err)
	copy(image[2<<20:], noise(200<<10))
	v.large("image", image)
	rootfs, err := os.ReadFile(filepath.Join(v.tree, "rootfs"))
	n.check(err)
	v.large("rootfs", append([]byte("inserted"), rootfs...))
	share := install("fw-3")
	t.Logf("the update fetched %.4f of the package", share)
	if share >= 0.08 {
		t.Errorf("an update of a twentieth fetched %.4f of the package", share)
	}
}

// same makes sure that the current release is the tree.
func (v *vendor) same(place string) {
	v.Helper()
	v.check(filepath.WalkDir(v.tree, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(v.tree, path)
		want, err := os.ReadFile(path)
		v.check(err)
		got, err := os.ReadFile(filepath.Join(place, "fw/current", name))
		if err != nil || !bytes.Equal(got, want) {
			v.Errorf("%s: %v", name, err)
		}
		return nil
	}))
}

// TestKilledWhileItFetches: gwe is killed while parts come, and a later step fails: the old release, and
// nothing besides.
func TestKilledWhileItFetches(t *testing.T) {
	n := startNginx(t, nil)
	v, bench, place := newVendor(n), recipetest.New(t, catalog()), t.TempDir()
	n.check(os.Mkdir(place+"/fw", 0o755))
	v.publish("fw-1")
	bench.WantExit(0, v.recipe(place, "open", "fw-1", false), nil)
	rootfs, err := os.ReadFile(filepath.Join(v.tree, "rootfs"))
	n.check(err)
	v.large("rootfs", noise(len(rootfs) + 1)[1:])
	v.publish("fw-2")
	old := func(when string) {
		t.Helper()
		target, err := os.Readlink(place + "/fw/current")
		n.check(err)
		names, err := filepath.Glob(place + "/fw/*")
		n.check(err)
		if hidden, err := filepath.Glob(place + "/fw/.gwe-[0-9]*"); filepath.Base(target) != "fw-1" || len(names) != 3 || len(hidden) > 0 || err != nil {
			t.Errorf("%s: current is %s, and there are %q and %q", when, target, names, hidden)
		}
	}
	for _, wanted := range []int64{1 << 20, 3 << 20} {
		died := bench.KillWhen(func() bool {
			parts, _ := filepath.Glob(place + "/fw/.gwe-*/rootfs")
			if len(parts) == 0 {
				return false
			}
			info, err := os.Stat(parts[0])
			return err == nil && info.Size() >= wanted
		}, v.recipe(place, "slow", "fw-2", false), nil)
		if !died {
			t.Fatal("it was over before it was killed")
		}
		bench.Recover()
		old("killed")
	}
	bench.WantExit(3, v.recipe(place, "open", "fw-2", true), nil)
	old("a later step failed")
	bench.WantExit(0, v.recipe(place, "open", "fw-2", false), nil)
	v.same(place)
}
