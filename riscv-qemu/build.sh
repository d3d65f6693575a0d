#!/usr/bin/env bash
# build.sh [CARGO ARGS]: cross-build felix for RISC-V as a static position-independent executable,
# target/riscv64gc-unknown-linux-gnu/release/felix. Arguments replace the default `--release --bin felix`.
# A first argument among test, run, check, clippy, rustc is that cargo command instead of `build`;
# programs it starts then run under riscv-qemu/qemu.sh.
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/lib.sh"

riscv_env
command=build
case ${1:-} in
build | test | run | check | clippy | rustc)
    command=$1
    shift
    ;;
esac
[ $# -gt 0 ] || set -- --release --bin felix
# FELIX_MANIFEST: to try the recipe on another crate.
cd "$TOP"
exec cargo "$command" --manifest-path "${FELIX_MANIFEST:-$TOP/Cargo.toml}" --target "$RISCV" "$@"
