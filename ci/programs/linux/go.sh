# Go's own tests, compiled by prepare.sh: the outcome of each test.
# parts: os os_exec os_signal net runtime sync syscall time
# Some build programs: what they are built of is kept from one run to the next.
export GOFLAGS=-mod=vendor GOCACHE=/opt/go-build ZONEINFO=
cd "$(go env GOROOT)/src/${1//_//}" || exit
log=$(mktemp)
# os_exec mounts, which with a rootfs takes a mount namespace of the guest's own.
own=()
[ "$1" != os_exec ] || own=(unshare -m)
# Left out: one that executes from a thread's borrowed memory where nothing but its program is to be seen (a felix that is not
# linked statically, as on a PC, finds no dynamic linker for itself there); without ptrace, as under qemu-user, those that want
# gdb or strace.
left='^TestUnshareMountNameSpaceChroot$'
[ "$1${UNDER_QEMU:+ qemu}" != 'runtime qemu' ] || left+='|^TestGdb|^TestUsingVDSO$'
"${own[@]}" "/opt/go-tests/$1" -test.short -test.v -test.skip "$left" >"$log" 2>&1
echo "exit status $?"
# -a: net logs bytes that are no text.
grep -aE '^ *--- ' "$log" | sed -E 's/ \([0-9.]+s\)$//' | sort
rm "$log"
