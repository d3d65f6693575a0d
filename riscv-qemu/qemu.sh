#!/usr/bin/env bash
# qemu.sh PROGRAM ARGS: run a RISC-V program under the qemu that ci/setup.sh fetched.
# The CPU is QEMU_CPU's, or the widest one (`max`). Also cargo's runner for the RISC-V target.
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/lib.sh"

[ $# -gt 0 ] || die "usage: qemu.sh PROGRAM ARGS..."
qemu=$(find_qemu)
export QEMU_CPU=${QEMU_CPU:-max}
# A guest's execve starts felix again, which needs qemu as much as the first one did.
export FELIX_EXEC_WRAPPER=${FELIX_EXEC_WRAPPER:-$qemu}
exec "$qemu" "$@"
