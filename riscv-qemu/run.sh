#!/usr/bin/env bash
# run.sh ARGS: run the cross-built felix (riscv-qemu/build.sh) under qemu-riscv64, e.g.
#   QEMU_CPU=rva22u64,v=true,vlen=256 riscv-qemu/run.sh run /bin/ls
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/lib.sh"

[ -x "$FELIX_RISCV" ] || die "$FELIX_RISCV is not there: run riscv-qemu/build.sh"
exec "$TOP/riscv-qemu/qemu.sh" "$FELIX_RISCV" "$@"
