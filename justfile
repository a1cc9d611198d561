# Conveniences; nothing needs just. `just` lists the recipes.

_list:
    @just --list

# what a newcomer runs first
demo:
    examples/ota/run

# the program as a device gets it: one file that needs no library, nor the memory that one would take
build to="gwe":
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o {{ to }} ./cmd/gwe

# what a release consists of, below dist/: programs, packages, digests; --key FILE signs
release version *flags:
    scripts/release {{ flags }} {{ version }}

# all that must hold before a change lands
test suite="core":
    scripts/test {{ suite }}

# known vulnerabilities in what gwe links (asks vuln.go.dev); before each release
vulnerabilities:
    go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

# gwe against gpg, tar, rsync, OSTree, casync and SWUpdate, and a step's cost beside ansible-playbook and task, in one run
bench *arguments:
    scripts/bench/run {{ arguments }}

# what a step of each type costs beside that of another gwe, in pairs: just bench-steps OLD --types=copy,rsync
bench-steps older *arguments:
    go run ./scripts/bench/steps --by-type --older={{ older }} {{ arguments }}

# kill -9 at random moments of updates and of their recovery, many times
kills count="1000":
    GWE_KILLS={{ count }} go test -count 1 -timeout 60m -v -run TestKilledAtAnyMoment ./cmd/gwe

# flip a bit of each byte of every file of a killed and of a committed run: old, new, or an error that names the file
flips:
    GWE_FLIPS=all go test -count 1 -timeout 24h -v -run TestABitOfARun ./cmd/gwe

# a user without rights swaps names under a running gwe, many times for each recipe and file system
swaps count="1000":
    GWE_SWAPS={{ count }} go test -count 1 -timeout 24h -v -run TestASwappingUser ./cmd/gwe

# power cuts under a running update, by the thousand; Ctrl-C stops, the same command continues
powercut cuts="10000":
    go run ./scripts/powercut --cuts {{ cuts }} --writes -1 --reorders {{ cuts }} --results powercut.jsonl

# the same to a whole machine, in QEMU without KVM: some seconds a cut
powercut-machine cuts="300":
    go run ./scripts/powercut --machine {{ cuts }} --results powercut.jsonl

# recipes that reboot a whole machine, in QEMU without KVM
machine:
    scripts/machine/run

# the units of examples/systemd under a real systemd, in a container whose power is cut
systemd *arguments:
    scripts/systemd/run {{ arguments }}

# the protocol of a run, checked by spin
model:
    scripts/model

# kill gwe at every system call, or let the call fail; stops and continues: just crash --change update --how EIO
crash *arguments:
    go run ./scripts/crash campaign {{ arguments }}

# kills, errors, full disks and signals on recipes made at random; stops and continues: just randomrecipe --from 1 --seeds 500
randomrecipe *arguments:
    go run ./scripts/randomrecipe campaign {{ arguments }}

# break gwe on purpose, each time in another way: the campaigns and the tests must find it
mutations:
    GWE_MUTATIONS=all go test -count 1 -timeout 60m -v ./scripts/mutations

# one fuzz target for a while: just fuzz ./engine/journal FuzzRead 10m. Unbounded, each new input is minimized for a minute, in which
# nothing else is tried.
fuzz package target time="1m":
    go test -run '^$' -fuzz '^{{ target }}$' -fuzztime {{ time }} -fuzzminimizetime 20x {{ package }}

# write docs/steps, the list of error codes and the JSON Schema anew, from the source
docs:
    go test ./engine/errorcodes ./schema ./schema/output -run 'Codes|Published|Source' -update
    go test ./steps ./steps/reference -update

# write the golden files again; look at the difference
regolden:
    go test ./schema ./engine/tasklog -update
    UPDATE_SCRIPTS=1 go test ./cmd/gwe

# known holes in what gwe is built with; asks vuln.go.dev
vulnerabilities:
    go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

# an install and an update of a package of 2 GiB must fit into 32 MiB of memory
memory mib="2048":
    GWE_MEMORY_MIB={{ mib }} go test -count=1 -run TestMemoryIsBounded ./recipes
