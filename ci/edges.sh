#!/usr/bin/env bash
# edges.sh: builds a harness that sees which branch edges of felix's lift, opt and lower a case reaches, for
# `harness campaign --edges`, and prints where it is. Slower than the usual one, otherwise the same.
# (cargo calls it again as its RUSTC_WORKSPACE_WRAPPER, for each crate: the library alone gets LLVM's
# SanitizerCoverage, whose counters the harness reads.)
set -euo pipefail

if [ $# -gt 0 ]; then
    case " $* " in
    *" --crate-name felix "*" --crate-type lib "* | *" --crate-type lib "*" --crate-name felix "*)
        exec "$@" -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=3 \
            -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table
        ;;
    esac
    exec "$@"
fi

# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TOP"
RUSTC_WORKSPACE_WRAPPER=$TOP/ci/edges.sh cargo build --release -p harness --target-dir "$TARGET_DIR/edges" >&2
echo "$TARGET_DIR/edges/release/harness"
