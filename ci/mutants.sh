#!/usr/bin/env bash
# mutants.sh [--sample N] [--seed S] [--only REGEX] [--corpus-only]: do the recorded cases notice when felix is wrong?
# Takes N places of the translator at random, changes one at a time as cargo-mutants does, and runs the corpus
# and a short fuzz; what lives in src/lower runs under qemu-riscv64. Prints caught and missed, and exits
# with 1 if fewer than 95% were caught. The checkout is not touched: the work is done in
# target/felix-ci/mutants, where out.json keeps what came of each mutant.
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tools=$CI_DIR/tools
if ! [ -x "$tools/bin/cargo-mutants" ]; then
    say "installing cargo-mutants into $tools"
    CARGO_TARGET_DIR=$CI_DIR/tools-build cargo install --quiet --locked --root "$tools" cargo-mutants
    rm -rf "$CI_DIR/tools-build"
fi
export PATH=$tools/bin:$PATH

# A copy of what git knows, as it is in the checkout now.
work=$CI_DIR/mutants
mkdir -p "$work/tree"
git -C "$TOP" ls-files -z | (cd "$TOP" && tar -c --null --ignore-failed-read -T - 2>/dev/null) | tar -x -C "$work/tree"
# The RISC-V start files and qemu are found by CARGO_TARGET_DIR.
mkdir -p "$work/target"
ln -sfn "$CI_DIR" "$work/target/felix-ci"
export CARGO_TARGET_DIR=$work/target
exec python3 "$TOP/ci/mutants.py" "$work" "$@"
