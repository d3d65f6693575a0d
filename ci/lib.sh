# shellcheck shell=bash
# Functions and paths shared by the scripts of ci/ and riscv-qemu/. Sourced, never run.
# Sourcing it changes nothing outside shell variables and makes no directory.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# cargo reads a relative CARGO_TARGET_DIR from where it is started: make it absolute once, so that
# every script means the same directory.
TARGET_DIR=${CARGO_TARGET_DIR:-$TOP/target}
case $TARGET_DIR in
/*) ;;
*) TARGET_DIR=$PWD/$TARGET_DIR ;;
esac
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR=$TARGET_DIR

# shellcheck disable=SC2034  # read by the scripts that source this file
{
    RISCV=riscv64gc-unknown-linux-gnu
    CI_DIR=$TARGET_DIR/felix-ci
    QEMU_DIR=$CI_DIR/qemu
    LIBC_DIR=$CI_DIR/libc-riscv64
    ROOTFS_DIR=$CI_DIR/rootfs
    SYSROOT_DIR=$CI_DIR/sysroot
    FELIX_RISCV=$TARGET_DIR/$RISCV/release/felix
    QEMU_MIN=11
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# A qemu-riscv64 new enough to run what felix emits (hwprobe, Zicond, V state in signal frames).
find_qemu() {
    local q v
    # setup.sh checked this one's version.
    q=$QEMU_DIR/usr/bin/qemu-riscv64
    if [ ! -x "$q" ]; then
        q=$(command -v qemu-riscv64 || true)
        v=$(${q:+"$q" --version} 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p')
        [ "${v:-0}" -ge "$QEMU_MIN" ] || q=
    fi
    if [ -n "$q" ]; then
        printf '%s\n' "$q"
        return
    fi
    die "no qemu-riscv64 of version $QEMU_MIN or newer: run ci/setup.sh, or put one on PATH"
}

# What a cross build needs, as environment variables: the user's cargo configuration stays as it is.
riscv_env() {
    [ -e "$LIBC_DIR/lib/rcrt1.o" ] || die "no RISC-V start files in $LIBC_DIR: run ci/setup.sh"
    # RUSTFLAGS, where set, would silently replace the target's flags below: fold it in.
    local flags="-C target-feature=+crt-static -C relocation-model=pic ${RUSTFLAGS:-}"
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    # Only there when setup.sh could neither ask rustup for the RISC-V std nor write to the sysroot.
    [ ! -e "$SYSROOT_DIR/lib" ] || flags="--sysroot $SYSROOT_DIR $flags"
    export FELIX_LIBC_RISCV64=$LIBC_DIR/lib
    export CARGO_TARGET_RISCV64GC_UNKNOWN_LINUX_GNU_RUSTFLAGS=$flags
    export CARGO_TARGET_RISCV64GC_UNKNOWN_LINUX_GNU_LINKER=$TOP/riscv-qemu/cc.sh
    export CARGO_TARGET_RISCV64GC_UNKNOWN_LINUX_GNU_RUNNER=$TOP/riscv-qemu/qemu.sh
    # For crates that compile C in their build script.
    export CC_riscv64gc_unknown_linux_gnu=${CC_riscv64gc_unknown_linux_gnu:-riscv64-linux-gnu-gcc}
}
