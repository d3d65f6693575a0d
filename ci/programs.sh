#!/usr/bin/env bash
# Runs real programs under felix, with what they print natively as the truth: for each script of a set, in
# an amd64 Debian of the set's own, first natively, then under felix; output and exit status must be the
# same. Too long for CI.
#   ci/programs.sh [--set SET] [--interp] [--cpu CPU]... [NAME[:PART]]...
#     --set SET     cpu (the default): what the programs compute; linux: what the kernel promises them; suites:
#                   what other projects test of that
#     --interp      the portable engine on this machine (the default, if no --cpu is given)
#     --cpu CPU     the JIT under qemu-riscv64 with this CPU, as in QEMU_CPU
#     NAME          only these: ci/programs/SET/NAME.sh
#     PART          of it: a script with a line "# parts: A B..." is run once for each, as its argument
# Environment: FELIX_CPU  what the guest is shown, as felix's --cpu; the native run sees this machine's
#              FELIX_RUN_TIMEOUT  seconds for one program, 3600 unless set
#              FELIX_RUN_KEEP  a directory where both outputs stay
# ci/programs/SET/packages names the Debian packages, source:NAME for a package's source in /usr/src; what
# must be made of them natively, once, is ci/programs/SET/prepare.sh. A script filters from its output what
# two native runs print differently: times, addresses, process numbers.
# Each run has namespaces of its own, of users, mounts, processes, and the network with only a loopback, and a
# /tmp of its own, so all may do the same things, also at the same time, and nothing outlives them.
# Needs user namespaces or root, and in target/felix-ci/programs* 2 GB for cpu, 5 GB for linux, 0.3 GB for suites,
# made once.
# qemu makes every load and store under Ztso a full barrier, ten times slower: for long programs take
# --cpu max,ztso=false.
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ci/debian.sh
. "$TOP/ci/debian.sh"

CACHE= # too large to keep twice
OUT=$(mktemp -d)

# enter ROOT COMMAND: runs it in the namespaces above, as a child of their first process.
# shellcheck disable=SC2016  # the inner shell expands these
enter() {
    rm -rf "$OUT/tmp" && mkdir -m 1777 "$OUT/tmp"
    unshare -rmpnf --kill-child /bin/bash -c '
        ip link set lo up && mount -t proc proc /proc && mount --bind "$1" "$2/tmp" || exit
        "${@:3}"
        exit $?' enter "$OUT/tmp" "$@"
}

# native ROOT SCRIPT [PART]: what it prints, and last its exit status. Not in a chroot: there Linux makes no user namespaces.
# timeout, which ends nothing here, for what it does to ignored signals, as for felix.
# shellcheck disable=SC2016
native() {
    enter "$1" /bin/bash -c '
        mount --rbind "$0" "$0" && cd "$0" || exit
        for d in proc dev sys; do mount --rbind "/$d" "$d"; done
        pivot_root . . && umount -l . && cd / || exit
        env -i "${@:3}" timeout 0 /bin/bash -c "$1" program "$2"
        exit $?' "$1" "$2" "${3:-}" "${ENVIRONMENT[@]}" </dev/null 2>"$OUT/stderr" || echo "exit status $?"
}
ENVIRONMENT=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb)

make_root() {
    have mmdebstrap || die "mmdebstrap is missing: run ci/setup.sh, or install it with apt-get"
    local tar=$WORK/programs.tar nodev=() hooks=() deb uri p
    [ "$(id -u)" = 0 ] || nodev=(--exclude='./dev/*')
    deb="[signed-by=$(keyring)] $(debian) $SUITE main"
    for p in "${SOURCES[@]}"; do
        # shellcheck disable=SC2016  # mmdebstrap's shell expands these
        hooks+=(--customize-hook='cd "$1/usr/src" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get source -q --download-only '"$p")
    done
    local mirrors=("deb $deb")
    [ ${#SOURCES[@]} -eq 0 ] || mirrors+=("deb-src $deb")
    mmdebstrap -q --variant=minbase --architectures=amd64 --include="$PACKAGES" "${hooks[@]}" "$SUITE" "$tar" \
        "${mirrors[@]}" >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; die "mmdebstrap could not make an amd64 $SUITE: see above"; }
    tar -xf "$tar" -C "$1" "${nodev[@]}"
    rm "$tar"
}

engines=()
names=()
SET=cpu
while [ $# -gt 0 ]; do
    case $1 in
    --set) SET=${2:?--set needs a set} && shift ;;
    --interp) engines+=(interp) ;;
    --cpu) engines+=("${2:?--cpu needs a CPU}") && shift ;;
    -*) die "unknown option $1; see the head of this script" ;;
    *) names+=("$1") ;;
    esac
    shift
done
PROGRAMS=$TOP/ci/programs/$SET
[ -d "$PROGRAMS" ] || die "no set $SET: there are $(cd "$TOP/ci/programs" && echo *)"
[ ${#engines[@]} -gt 0 ] || engines=(interp)
if [ ${#names[@]} -eq 0 ]; then
    for s in "$PROGRAMS"/*.sh; do names+=("$(basename "$s" .sh)"); done
fi
runs=()
for name in "${names[@]}"; do
    script=$PROGRAMS/${name%%:*}.sh
    [ "$name" != prepare ] || continue
    [ -e "$script" ] || die "no ${script#"$TOP/"}"
    parts=$(sed -n 's/^# parts: //p' "$script")
    case $name in
    *:*) runs+=("$name") ;;
    *)
        [ -n "$parts" ] || runs+=("$name")
        for part in $parts; do runs+=("$name:$part"); done
        ;;
    esac
done

mapfile -t lines < <(grep -v '^#' "$PROGRAMS/packages")
SOURCES=()
PACKAGES=
for p in "${lines[@]}"; do
    case $p in
    source:*) SOURCES+=("${p#source:}") ;;
    *) PACKAGES+=${PACKAGES:+,}$p ;;
    esac
done
ROOT=$CI_DIR/programs
KEY="$SUITE $PACKAGES"
if [ "$SET" != cpu ]; then
    ROOT+=-$SET
    KEY+=" ${SOURCES[*]}"
fi
if [ -d "$ROOT" ] && [ "$(cat "$ROOT.key" 2>/dev/null)" != "$KEY" ]; then
    rm -rf "$ROOT"
fi
if [ ! -d "$ROOT" ]; then
    workdir
    product "programs-$SET-$SUITE" "$ROOT" make_root
    printf '%s\n' "$KEY" >"$ROOT.key"
fi
trap 'rm -rf "$OUT" ${WORK:+"$WORK"}' EXIT
if [ -e "$PROGRAMS/prepare.sh" ] && ! cmp -s "$PROGRAMS/prepare.sh" "$ROOT/opt/prepared"; then
    say "$SET: preparing"
    native "$ROOT" "$(cat "$PROGRAMS/prepare.sh")" >"$OUT/log"
    ! grep '^exit status' "$OUT/log" >&2 || { tail -n 20 "$OUT/log" "$OUT/stderr" >&2; die "$PROGRAMS/prepare.sh failed: see above"; }
    cp "$PROGRAMS/prepare.sh" "$ROOT/opt/prepared"
fi
cc -O2 -o "$ROOT/usr/local/bin/long_double" "$TOP/tests/guest/long_double.c" -lm

# felix CPU SCRIPT [PART]: the same under felix.
# shellcheck disable=SC2016
felix() {
    local run=("$TARGET_DIR/release/felix") env=("${ENVIRONMENT[@]}" ${FELIX_CPU:+"FELIX_CPU=$FELIX_CPU"} ${FELIX_LOG:+"FELIX_LOG=$FELIX_LOG"})
    if [ "$1" != interp ]; then
        env+=("QEMU_CPU=$1")
        run=("$TOP/riscv-qemu/qemu.sh" "$FELIX_RISCV")
    fi
    enter "$ROOT" /bin/bash -c 'env -i "$@"
        exit $?' felix "${env[@]}" timeout "${FELIX_RUN_TIMEOUT:-3600}" "${run[@]}" \
        run --share=false --share-home=false --rootfs "$ROOT" -- /bin/bash -c "$2" program "${3:-}" </dev/null 2>"$OUT/stderr" || echo "exit status $?"
}

failed=0
for engine in "${engines[@]}"; do
    # Natively, too: qemu-user's own faults are left out by name.
    [ "$engine" = interp ] || ENVIRONMENT+=(UNDER_QEMU=1)
    for name in "${runs[@]}"; do
        script=$(cat "$PROGRAMS/${name%%:*}.sh")
        part=
        case $name in *:*) part=${name#*:} ;; esac
        native "$ROOT" "$script" "$part" >"$OUT/native"
        [ -s "$OUT/native" ] || die "$name prints nothing natively: $(tail -n 3 "$OUT/stderr")"
        began=$SECONDS
        felix "$engine" "$script" "$part" >"$OUT/felix"
        total=$(wc -l <"$OUT/native")
        if cmp -s "$OUT/native" "$OUT/felix"; then
            printf '%-28s %-20s same output, %d lines, %d s\n' "$name" "$engine" "$total" $((SECONDS - began))
        else
            failed=1
            differ=$(diff "$OUT/native" "$OUT/felix" | grep -c '^<' || true)
            printf '%-28s %-20s DIFFERS, %d of %d lines, %d s\n' "$name" "$engine" "$differ" "$total" $((SECONDS - began))
            diff "$OUT/native" "$OUT/felix" | head -n 20 || true
            tail -n 5 "$OUT/stderr"
        fi
        if [ -n "${FELIX_RUN_KEEP:-}" ]; then
            mkdir -p "$FELIX_RUN_KEEP"
            for f in native felix stderr; do cp "$OUT/$f" "$FELIX_RUN_KEEP/$name.$engine.$f"; done
        fi
    done
done
exit $failed
