#!/usr/bin/env bash
# Runs real programs under felix, with what they print natively as the truth: for each script of
# ci/programs, in an amd64 Debian of its own, first natively, then under felix; output and exit status
# must be the same. Too long for CI.
#   ci/programs.sh [--interp] [--cpu CPU]... [NAME]...
#     --interp      the portable engine on this machine (the default, if no --cpu is given)
#     --cpu CPU     the JIT under qemu-riscv64 with this CPU, as in QEMU_CPU
#     NAME          only these: ci/programs/NAME.sh
# Environment: FELIX_CPU  what the guest is shown, as felix's --cpu; the native run sees this machine's
#              FELIX_RUN_TIMEOUT  seconds for one program, 3600 unless set
# Needs user namespaces or root, and about 2 GB in target/felix-ci/programs, made once.
# qemu makes every load and store under Ztso a full barrier, ten times slower: for long programs take
# --cpu max,ztso=false.
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ci/debian.sh
. "$TOP/ci/debian.sh"

ROOT=$CI_DIR/programs
PACKAGES=busybox-static,bash,coreutils,stockfish,ffmpeg,x264,openssl,7zip,python3-numpy,python3-all,libpython3.13-testsuite,bc,gnuplot-nox,nodejs
KEY="$SUITE $PACKAGES"
CACHE= # too large to keep twice

make_root() {
    have mmdebstrap || die "mmdebstrap is missing: run ci/setup.sh, or install it with apt-get"
    local tar=$WORK/programs.tar nodev=()
    [ "$(id -u)" = 0 ] || nodev=(--exclude='./dev/*')
    mmdebstrap -q --variant=minbase --architectures=amd64 --include="$PACKAGES" "$SUITE" "$tar" \
        "deb [signed-by=$(keyring)] $(debian) $SUITE main" >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; die "mmdebstrap could not make an amd64 $SUITE: see above"; }
    tar -xf "$tar" -C "$1" "${nodev[@]}"
    rm "$tar"
}

engines=()
names=()
while [ $# -gt 0 ]; do
    case $1 in
    --interp) engines+=(interp) ;;
    --cpu) engines+=("${2:?--cpu needs a CPU}") && shift ;;
    -*) die "unknown option $1; see the head of this script" ;;
    *) names+=("$1") ;;
    esac
    shift
done
[ ${#engines[@]} -gt 0 ] || engines=(interp)
if [ ${#names[@]} -eq 0 ]; then
    for s in "$TOP"/ci/programs/*.sh; do names+=("$(basename "$s" .sh)"); done
fi
if [ -d "$ROOT" ] && [ "$(cat "$ROOT.key" 2>/dev/null)" != "$KEY" ]; then
    rm -rf "$ROOT"
fi
if [ ! -d "$ROOT" ]; then
    workdir
    product "programs-$SUITE" "$ROOT" make_root
    printf '%s\n' "$KEY" >"$ROOT.key"
fi
cc -O2 -o "$ROOT/usr/local/bin/long_double" "$TOP/tests/guest/long_double.c" -lm
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

# What the program prints, and last its exit status.
native() {
    unshare -r --root="$ROOT" /bin/bash -c "$1" </dev/null 2>"$OUT/stderr" || echo "exit status $?"
}

# felix CPU SCRIPT
felix() {
    local run=("$TARGET_DIR/release/felix")
    if [ "$1" != interp ]; then
        export QEMU_CPU=$1
        run=("$TOP/riscv-qemu/qemu.sh" "$FELIX_RISCV")
    fi
    timeout "${FELIX_RUN_TIMEOUT:-3600}" "${run[@]}" run --rootfs "$ROOT" -- /bin/bash -c "$2" </dev/null 2>"$OUT/stderr" || echo "exit status $?"
}

failed=0
for engine in "${engines[@]}"; do
    for name in "${names[@]}"; do
        script=$(cat "$TOP/ci/programs/$name.sh")
        native "$script" >"$OUT/native"
        [ -s "$OUT/native" ] || die "$name prints nothing natively: $(tail -n 3 "$OUT/stderr")"
        began=$SECONDS
        felix "$engine" "$script" >"$OUT/felix"
        if cmp -s "$OUT/native" "$OUT/felix"; then
            printf '%-12s %-40s same output, %d s\n' "$name" "$engine" $((SECONDS - began))
        else
            failed=1
            printf '%-12s %-40s DIFFERS, %d s\n' "$name" "$engine" $((SECONDS - began))
            diff "$OUT/native" "$OUT/felix" | head -n 20 || true
            tail -n 5 "$OUT/stderr"
        fi
    done
done
exit $failed
