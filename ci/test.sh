#!/usr/bin/env bash
# Every check of felix, in the order of what fails fastest: what a developer runs before a commit and
# what CI runs. The first stage that fails ends it; nothing is skipped.
#   ci/test.sh                all
#   ci/test.sh STAGE...       only these (ci/test.sh --list names them)
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TOP"

# The RISC-V machines felix must run on: GC alone, a board with V of each width, everything there is.
# shellcheck disable=SC2054  # the commas belong to the CPU's name
CPUS=(rv64,v=false rva22u64,v=true,vlen=128 rva22u64,v=true,vlen=256 max)

# Tests that find something missing fail instead of naming it.
export FELIX_CI=1
# Where fuzzing starts: other cases each time. What was printed, given again, repeats a run.
SEED=${FELIX_SEED:-$((16#$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')))}

stage_setup() { ci/setup.sh; }
stage_fmt() { cargo fmt --all --check; }
# The release profile throughout, so that what is slow to build (Unicorn) is built once.
stage_clippy() { cargo clippy --workspace --all-targets --release -- -D warnings; }
stage_doc() { RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --workspace --no-deps --release; }
stage_native() { INSTA_UPDATE=no cargo test --workspace --release; }
stage_fuzz() {
    echo "FELIX_SEED=$SEED repeats this"
    cargo run --release -p harness -- fuzz --cases 30000 --seed "$SEED" --out "$CI_DIR/differences"
}
stage_edges() {
    local harness
    harness=$(ci/edges.sh)
    # Somewhere new: a campaign's directory belongs to one program.
    rm -rf "$CI_DIR/edges"
    "$harness" campaign --edges --cases 8192 --lanes 4 --round 512 --seed "$SEED" --out "$CI_DIR/edges"
    "$harness" report "$CI_DIR/edges" --html "$CI_DIR/edges/report.html"
    grep -q 'src/lower/regs.rs' "$CI_DIR/edges/report.html"
}
stage_build_riscv() {
    riscv-qemu/build.sh
    # A static PIE, or it would sit where guests want to be. The type and no interpreter say so.
    riscv64-linux-gnu-readelf -hlW "$FELIX_RISCV" |
        awk '/^ *Type: *DYN/ { dyn = 1 } /INTERP/ { interp = 1 } END { exit !(dyn && !interp) }' ||
        die "$FELIX_RISCV is no static position-independent executable"
}

# ---- run_matrix CPU: guest programs, corpus and fuzzing on felix's JIT, on one RISC-V CPU --------------
# The test runners are native; they start felix by riscv-qemu/run.sh with this CPU.
run_matrix() {
    export FELIX_TEST_CPU=$1 QEMU_CPU=$1
    riscv-qemu/build.sh test --release --lib
    cargo test --release --test corpus --test linux --test programs
    # What these do with the host is the same on every CPU.
    [ "$1" != max ] || cargo test --release --test escape --test inside --test containers
    echo "FELIX_SEED=$SEED repeats this"
    cargo run --release -p harness -- fuzz --engines jit,baseline --oracles native --cases 5000 \
        --seed "$SEED" --out "$CI_DIR/differences"
}
# --------------------------------------------------------------------------------------------------

STAGES=(setup fmt clippy doc native fuzz edges build_riscv)
for cpu in "${CPUS[@]}"; do STAGES+=("matrix:$cpu"); done

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${STAGES[@]}"
    exit
fi
chosen=("${STAGES[@]}")
if [ $# -gt 0 ]; then
    for s in "$@"; do
        printf '%s\n' "${STAGES[@]}" | grep -Fxq -- "$s" || die "no stage $s: ci/test.sh --list names them"
    done
    chosen=("$@")
fi

# Guest programs run natively first, and the native oracle is this CPU.
[ "$(uname -sm)" = "Linux x86_64" ] ||
    die "this machine is $(uname -sm); the tests compare felix with an x86-64 Linux machine's own CPU: run them on one"

summary=()
started=$SECONDS
finish() {
    printf '\n==== ci/test.sh: summary\n'
    [ ${#summary[@]} = 0 ] || printf '  %s\n' "${summary[@]}"
    printf '==== %s in %d s (%d of %d stages)\n' "$1" $((SECONDS - started)) ${#summary[@]} ${#chosen[@]}
}
trap 'finish INTERRUPTED; exit 130' INT TERM

for stage in "${chosen[@]}"; do
    printf '\n==== %s\n' "$stage"
    from=$SECONDS
    rc=0
    # A subshell started by `if` or `||` would run without -e, so a stage of two commands could fail unseen.
    set +e
    (
        set -e
        case $stage in
        matrix:*) run_matrix "${stage#matrix:}" ;;
        *) "stage_$stage" ;;
        esac
    )
    rc=$?
    set -e
    took=$((SECONDS - from))
    if [ $rc != 0 ]; then
        summary+=("$(printf 'FAILED %4d s  %s (exit %d)' $took "$stage" $rc)")
        finish FAILED
        exit 1
    fi
    summary+=("$(printf 'ok     %4d s  %s' $took "$stage")")
    printf '==== %s: ok, %d s\n' "$stage" $took
done
finish PASSED
