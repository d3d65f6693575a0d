#!/usr/bin/env bash
# The linker rustc calls for RISC-V: makes a static *position-independent* executable.
# rustc's own crt-static on this target is fixed at 0x10000, where x86 guests want to be. Debian 12's
# cross compiler lacks rcrt1.o and the static-pie specs for RISC-V, and its GNU ld crashes on these
# objects: so start files and libc.a come from FELIX_LIBC_RISCV64 (ci/setup.sh) and lld links.
set -euo pipefail

die() {
    echo "cc.sh: $*" >&2
    exit 1
}

libc=${FELIX_LIBC_RISCV64:?cc.sh: FELIX_LIBC_RISCV64 is not set; build with riscv-qemu/build.sh}

host=$(rustc -vV | sed -n 's/^host: //p')
lld=$(rustc --print sysroot)/lib/rustlib/$host/bin/gcc-ld
if [ -x "$lld/ld.lld" ]; then
    lld=-B$lld
else
    command -v ld.lld >/dev/null || die "no lld: neither in rustc's sysroot nor on PATH; install the package lld"
    lld=
fi

args=()
for a in "$@"; do
    case $a in
    -no-pie | -static | -static-pie | -pie) ;; # decided below
    -fuse-ld=*) ;;
    *) args+=("$a") ;;
    esac
done

# relr: felix relocates itself each time it starts.
# --no-dynamic-linker: gcc 12 does not know static-pie here and would ask for an interpreter.
exec riscv64-linux-gnu-gcc -static-pie -Wl,--no-dynamic-linker -Wl,--pack-dyn-relocs=relr -B"$libc" -L"$libc" ${lld:+"$lld"} -fuse-ld=lld "${args[@]}"
