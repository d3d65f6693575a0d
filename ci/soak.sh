#!/usr/bin/env bash
# Runs the programs of ci/soak under felix for a long time and looks for what only time shows: wrong answers, hangs,
# and leaks of memory, descriptors, mappings, threads and files. Too long for CI.
#   ci/soak.sh [--minutes N] [--interp] [--cpu CPU]... [NAME]...
#     --minutes N   how long each runs; 10 unless given
#     --interp      the portable engine on this machine (the default, if no --cpu is given)
#     --cpu CPU     the JIT under qemu-riscv64 with this CPU, as in QEMU_CPU
#     NAME          only these: hammer, processes
# Environment: FELIX_RUN_PATIENCE  seconds without progress that count as a hang, 120 unless set: more on a busy machine
# felix is looked at once a second through /proc; the most of the last quarter may not exceed the most of the second
# by more than an eighth and 8 MB of memory, or 8 of anything else. Under qemu its memory counts too.
# Needs gcc and felix built (cargo build --release, riscv-qemu/build.sh).
set -euo pipefail
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

minutes=10
engines=()
names=()
while [ $# -gt 0 ]; do
    case $1 in
    --minutes) minutes=${2:?--minutes needs a number} && shift ;;
    --interp) engines+=(interp) ;;
    --cpu) engines+=("${2:?--cpu needs a CPU}") && shift ;;
    -*) die "unknown option $1; see the head of this script" ;;
    *) names+=("$1") ;;
    esac
    shift
done
[ ${#engines[@]} -gt 0 ] || engines=(interp)
[ ${#names[@]} -gt 0 ] || names=(hammer processes)
patience=${FELIX_RUN_PATIENCE:-120}
seconds=$((minutes * 60))
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

# KiB of memory, descriptors, mappings and threads of a process, now
look() {
    local rss fds maps threads
    rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$1/status") && [ -n "$rss" ] || return 1
    fds=$(find "/proc/$1/fd" -mindepth 1 | wc -l)
    maps=$(wc -l <"/proc/$1/maps")
    threads=$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)
    printf '%s %s %s %s %s\n' "$SECONDS" "$rss" "$fds" "$maps" "$threads"
}

# What felix could leave behind. A guest's own files are none: these programs make none.
left() { find "${TMPDIR:-/tmp}" /dev/shm -maxdepth 1 -iname '*felix*' 2>/dev/null | sort; }

failed=0
for name in "${names[@]}"; do
    [ -e "$TOP/ci/soak/$name.c" ] || die "no ci/soak/$name.c"
    case $name in
    hammer) arguments=("$seconds" 24 "$patience") ;;
    *) arguments=("$seconds" 500 "$patience") ;;
    esac
    gcc -O2 -Wall -Wextra -Werror -static -pthread -o "$OUT/$name" "$TOP/ci/soak/$name.c"
    for engine in "${engines[@]}"; do
        run=("$TARGET_DIR/release/felix")
        if [ "$engine" != interp ]; then
            # qemu keeps translations of code that is long gone until its cache is full.
            export QEMU_CPU=$engine QEMU_TB_SIZE=32
            run=("$TOP/riscv-qemu/qemu.sh" "$FELIX_RISCV")
        fi
        left >"$OUT/before"
        SECONDS=0
        "${run[@]}" run "$OUT/$name" "${arguments[@]}" >"$OUT/said" 2>"$OUT/stderr" &
        felix=$!
        : >"$OUT/looks"
        wrong=
        while kill -0 $felix 2>/dev/null; do
            if [ $SECONDS -gt $((seconds + 2 * patience + 60)) ]; then
                wrong="a hang: it does not end"
                kill -KILL $felix
                break
            fi
            # What it is while it ends says nothing.
            [ $SECONDS -ge "$seconds" ] || look $felix >>"$OUT/looks" 2>/dev/null || true
            sleep 1
        done
        status=0
        wait $felix || status=$?
        left >"$OUT/after"
        leaks=$(awk -v total="$seconds" '
            { for (i = 2; i <= 5; i++) { if ($1 >= total / 4 && $1 < total / 2 && $i > a[i]) a[i] = $i; if ($1 >= total * 3 / 4 && $i > b[i]) b[i] = $i } n++ }
            END {
                split("time,KiB of memory,descriptors,mappings,threads", what, ",")
                for (i = 2; i <= 5; i++) {
                    leaks = b[i] > a[i] * 9 / 8 + (i == 2 ? 8192 : 8)
                    printf "%s%s %d then %d%s", i == 2 ? "" : ", ", what[i], a[i], b[i], leaks ? " LEAKS" : ""
                }
                if (n < 4 || !a[2] || !b[2]) printf ", too few looks: LEAKS cannot be seen"
            }' "$OUT/looks")
        case $leaks in *LEAKS*) wrong="${wrong:+$wrong; }a leak" ;; esac
        cmp -s "$OUT/before" "$OUT/after" || wrong="${wrong:+$wrong; }files left: $(comm -13 "$OUT/before" "$OUT/after" | head -n 3 | tr '\n' ' ')"
        [ $status = 0 ] || wrong="${wrong:+$wrong; }exit status $status"
        printf '%-10s %-20s %s\n' "$name" "$engine" "${wrong:-right}"
        printf '    %s\n' "$(cat "$OUT/said")" "$leaks"
        if [ -n "$wrong" ]; then
            failed=1
            tail -n 10 "$OUT/stderr"
        fi
    done
done
exit $failed
