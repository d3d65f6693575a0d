#!/usr/bin/env bash
# A Debian from nothing, as a user makes one: felix rootfs create (maintainer scripts under felix), apt-get in felix shell, a
# user, a locale, a program with many dependencies. Needs the network, and what ci/setup.sh installs.
#   ci/rootfs.sh              on the portable engine
#   ci/rootfs.sh --cpu CPU    the JIT under qemu-riscv64
# Environment: FELIX_CI_DEBIAN as in setup.sh
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=ci/debian.sh
. "$TOP/ci/debian.sh"

felix=("$TARGET_DIR/release/felix")
if [ "${1:-}" = --cpu ]; then
    [ $# = 2 ] || die "usage: rootfs.sh [--cpu CPU]"
    export QEMU_CPU=$2
    felix=("$TOP/riscv-qemu/qemu.sh" "$FELIX_RISCV")
    # A felix that felix starts for the maintainer scripts takes qemu as well.
    FELIX_EXEC_WRAPPER=$(find_qemu)
    export FELIX_EXEC_WRAPPER
fi
[ -x "${felix[-1]}" ] || die "no ${felix[-1]}: cargo build --release, or riscv-qemu/build.sh, makes it"
have mmdebstrap || die "mmdebstrap is missing: run ci/setup.sh"

workdir
export FELIX_CONFIG_USER=$WORK/config.toml FELIX_CONFIG_SYSTEM='' FELIX_ROOTFS_DIR=$WORK/roots
unset FELIX_ROOTFS
timed() {
    local from=$SECONDS
    "$@" >"$WORK/out" 2>&1 || { tail -n 30 "$WORK/out" >&2; die "failed: ${*: -1}"; }
    say "$((SECONDS - from)) s: ${*: -1}"
}
inside() { timed "${felix[@]}" shell -- sh -ec "$1"; }

timed "${felix[@]}" rootfs create --distro "debian:$SUITE" \
    --mirror "deb [signed-by=$(keyring)] $(debian) $SUITE main" debian
"${felix[@]}" rootfs use debian
inside 'apt-get update'
inside 'DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends locales python3 man-db'
inside 'echo "de_DE.UTF-8 UTF-8" >/etc/locale.gen && locale-gen && LC_ALL=de_DE.UTF-8 date -d 2026-03-01 +%B | grep -q März'
inside 'useradd --create-home guest && su guest -c "id -un && cd && pwd" | grep -q guest'
inside 'python3 -c "import json, ssl, sqlite3; print(json.dumps([1]))"'
inside 'test -z "$(dpkg --audit)"'
"${felix[@]}" rootfs remove debian
[ -z "$(ls -A "$FELIX_ROOTFS_DIR")" ] || die "something is left in $FELIX_ROOTFS_DIR"
