#!/usr/bin/env bash
# mutants.sh [--sample N] [--seed S] [--only REGEX] [--corpus-only]: do the recorded cases notice when felix is wrong?
# Takes N places of the translator at random, changes one at a time as cargo-mutants does, and runs the corpus
# and a short fuzz, also under qemu-riscv64, then the goldens and the unit tests. Prints caught, by what, and
# missed, and exits with 1 if fewer than 95% were caught. Changes that make no difference are in
# ci/mutants-equivalent.toml, with the reason, and do not count. The checkout is not touched: the work is done
# in target/felix-ci/mutants, where out.json keeps what came of each mutant: started again, it judges only what
# may be judged otherwise now.
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

# The RISC-V start files and qemu are found by CARGO_TARGET_DIR.
work=$CI_DIR/mutants
mkdir -p "$work/tree" "$work/target"
ln -sfn "$CI_DIR" "$work/target/felix-ci"
export CARGO_TARGET_DIR=$work/target
exec python3 "$TOP/ci/mutants.py" "$TOP" "$work" "$@"
