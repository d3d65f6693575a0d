#!/usr/bin/env bash
# What running x86-64 programs costs: RISC-V instructions of felix (and of box64 and qemu-x86_64) over those
# of the same program built for RISC-V. Every speed figure of felix comes from here; ci/bench.py measures.
# Counted by qemu-riscv64, so the figures do not depend on how busy this machine is.
#   ci/bench.sh                          felix alone, a table; --help has the options
#   ci/bench.sh --peers --svg ci/bench.svg
#   ci/bench.sh --check                  fail if a program costs more than ci/bench.json says, plus 2%
# Needs about 1.5 GB in target/felix-ci/bench, made once from Debian's packages, and a qemu-riscv64 with
# plugins of version 1 on PATH (Debian 12's qemu-user; FELIX_BENCH_QEMU names another).
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ci/debian.sh
. "$TOP/ci/debian.sh"

BENCH_DIR=$CI_DIR/bench
PROGRAMS=bash,lua5.4,sqlite3,openssl,xz-utils,bzip2,zstd,perl,gawk,python3-minimal,7zip,coreutils,stockfish,luajit
RISCV_SUITES=("$SUITE" sid)
CACHE= # too large to keep twice

make_amd64() {
    have mmdebstrap || die "mmdebstrap is missing: run ci/setup.sh, or install it with apt-get"
    local tar=$WORK/amd64.tar nodev=()
    [ "$(id -u)" = 0 ] || nodev=(--exclude='./dev/*')
    mmdebstrap -q --variant=minbase --architectures=amd64 --include="$PROGRAMS,busybox-static" "$SUITE" "$tar" \
        "deb [signed-by=$(keyring)] $(debian) $SUITE main" >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; die "mmdebstrap could not make an amd64 $SUITE: see above"; }
    tar -xf "$tar" -C "$1" "${nodev[@]}"
    rm "$tar"
}

# Only unpacked: nothing of it runs before it is measured.
make_riscv64() {
    local tar=$WORK/riscv64.tar
    mmdebstrap -q --variant=extract --architectures=riscv64 --include="$PROGRAMS" "$SUITE" "$tar" \
        "deb [signed-by=$(keyring)] $(debian) $SUITE main" >"$WORK/log" 2>&1 || { tail -n 20 "$WORK/log" >&2; die "mmdebstrap could not unpack a riscv64 $SUITE: see above"; }
    tar -xf "$tar" -C "$1" --exclude='./dev/*'
    rm "$tar"
    usr_links "$1"
}

usr_links() {
    local l
    for l in lib bin; do [ -e "$1/$l" ] || ln -s "usr/$l" "$1/$l"; done
}

make_box64() {
    local p
    for p in box64 libc6 libgcc-s1 libstdc++6; do unpack_deb "$1" "$p:riscv64/sid"; done
    usr_links "$1"
}

make_qemu_x86_64() { unpack_deb "$1" qemu-user:riscv64; }

case " $* " in *" --help "* | *" -h "*) exec python3 "$TOP/ci/bench.py" --help ;; esac
[ "$(uname -sm)" = "Linux x86_64" ] || die "the programs run natively first: this needs an x86-64 Linux machine"
qemu=${FELIX_BENCH_QEMU:-$(command -v qemu-riscv64 || true)}
[ -n "$qemu" ] || die "no qemu-riscv64 on PATH: install qemu-user"
mkdir -p "$BENCH_DIR"
[ "$BENCH_DIR/count.so" -nt "$TOP/riscv-qemu/count.c" ] || cc -shared -fPIC -O2 -o "$BENCH_DIR/count.so" "$TOP/riscv-qemu/count.c"
product amd64 "$BENCH_DIR/amd64" make_amd64
product riscv64 "$BENCH_DIR/riscv64" make_riscv64
case " $* " in
*" --peers"*)
    product box64 "$BENCH_DIR/box64" make_box64
    product qemu "$BENCH_DIR/qemu" make_qemu_x86_64
    ;;
esac
[ -x "$FELIX_RISCV" ] || die "$FELIX_RISCV is not there: run riscv-qemu/build.sh"
rm -rf "$WORK"
exec python3 "$TOP/ci/bench.py" --dir "$BENCH_DIR" --qemu "$qemu" --felix "$FELIX_RISCV" "$@"
