# machine.sh: a machine with a real systemd for a test, sourced by it: Debian in a container, which boots, and whose power is cut.
#
# The test sets $directory, where Debian's tree is kept, and $work, a scratch directory on a file system that overlayfs takes. It wants root,
# mmdebstrap, systemd-container, procps and util-linux.

init= console= scenario=

# debian_tree makes Debian's tree (250 MB) in $directory/tree where it is missing. Two tests may ask for it at once.
debian_tree() {
	mkdir -p "$directory"
	(
		flock 9
		[ ! -d "$directory/tree" ] || exit 0
		rm -rf "$directory/new"
		mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,supervisor bookworm "$directory/new"
		rm -f "$directory/new/etc/machine-id"
		ln -sf /dev/null "$directory/new/etc/systemd/system/systemd-firstboot.service" # it would ask
		chroot "$directory/new" systemctl -q disable supervisor.service
		mv "$directory/new" "$directory/tree"
	) 9>"$directory/lock"
}

# bare_machine NAME makes a machine that has nothing of ours, with a disk of its own above Debian's tree, in $root.
bare_machine() {
	scenario=$1
	root=$work/$scenario/root
	mkdir -p "$work/$scenario/upper" "$work/$scenario/work" "$root"
	mount -t overlay -o "lowerdir=$directory/tree,upperdir=$work/$scenario/upper,workdir=$work/$scenario/work" overlay "$root"
}

fail() {
	echo "$scenario: $*" >&2
	if [ -n "$init" ]; then
		inside journalctl -b --no-pager -o short-monotonic | tail -80 >&2
		inside systemctl list-jobs --no-pager >&2
		inside gwe runs >&2
	fi
	exit 1
}

until_true() { # until_true WHAT COMMAND...: waits for it for a minute
	local what=$1 deadline=$((SECONDS + 60))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || fail "$what did not come about within a minute"
		sleep .05
	done
}

inside() { nsenter -t "$init" -m -p -u -i -n -- "$@"; }

# power_on begins a boot.
power_on() {
	local unit=(--keep-unit) # where no systemd runs outside, the machine gets no cgroup
	[ ! -d /run/systemd/system ] || unit=()
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn -q -D "$root" -b --register=no "${unit[@]}" --private-network \
		--console=pipe </dev/null >"$work/$scenario/console" 2>&1 &
	console=$!
	init=
	until [ -n "$init" ]; do
		kill -0 $console 2>/dev/null || break # it went down at once
		init=$(pgrep -P $console -x systemd || true)
	done
}

# boot waits until the machine has started all that it starts.
boot() {
	power_on
	until_true "the boot" booted
}

booted() { [[ $(inside systemctl is-system-running) =~ ^(running|degraded)$ ]] && inside systemctl is-active multi-user.target; }

# cut_power ends the machine at once: the death of its first process is that of all.
cut_power() {
	[ -z "$init" ] || kill -9 "$init" 2>/dev/null || true
	[ -z "$console" ] || wait $console 2>/dev/null || true
	init= console=
}

# no_machines ends all that is left of them.
no_machines() {
	cut_power
	umount "$work"/*/root 2>/dev/null || true
}
