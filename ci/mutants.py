"""What ci/mutants.sh does with its copy of the checkout; see there.

A mutant is caught if the corpus replay or the fuzz fails, or does not end. One that does not build counts
as neither caught nor missed.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys

# What is changed, and the test that is to notice.
WHERE = ["src/lift/**/*.rs", "src/opt/**/*.rs", "src/lower/**/*.rs", "src/helper/**/*.rs", "src/ir/eval/**/*.rs"]
TESTS = re.compile(r"/tests\.rs|/tests/")
HOSTS = ["max", "rv64,v=false"]
SEED, CASES = "4711", "6000"
WANTED = 0.95


def run(command, tree, env=None, seconds=600):
    """Status and the end of what was said; 124 if it did not end."""
    try:
        done = subprocess.run(
            command, cwd=tree, env={**os.environ, **(env or {})}, timeout=seconds,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        return 124, "it does not end"
    return done.returncode, done.stdout[-2000:]


def checks(target, lower, fuzzing):
    """Name, command and environment of each check, builds first."""
    harness = f"{target}/debug/harness"
    fuzz = [harness, "fuzz", "--cases", CASES, "--seed", SEED, "--oracles", "native", "--stop-after", "1",
            "--out", f"{target}/differences"]
    if fuzzing:
        yield "build", ["cargo", "build", "--quiet", "-p", "harness"], {}
    yield "build", ["cargo", "test", "--quiet", "--no-run", "--test", "corpus"], {}
    if not lower:
        yield "corpus", ["cargo", "test", "--quiet", "--test", "corpus"], {}
        for engine in ("interp", "cold") if fuzzing else ():
            yield "fuzz", [*fuzz, "--engines", engine], {}
        return
    yield "build", ["riscv-qemu/build.sh"], {}
    for host in HOSTS:
        yield "corpus", ["cargo", "test", "--quiet", "--test", "corpus"], {"FELIX_TEST_CPU": host}
    for host in HOSTS if fuzzing else ():
        for engine in ("jit", "baseline"):
            short = ["1000" if word == CASES else word for word in fuzz]
            yield "fuzz", [*short, "--engines", engine], {"QEMU_CPU": host}


def verdict(tree, target, lower, fuzzing, seconds=600):
    for name, command, env in checks(target, lower, fuzzing):
        status, said = run(command, tree, env, seconds)
        if status != 0:
            return ("unbuildable" if name == "build" else name), said
    return "missed", ""


def main():
    args = argparse.ArgumentParser(prog="mutants.sh")
    args.add_argument("work")
    args.add_argument("--sample", type=int, default=60)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--only", default="", help="only mutants whose name matches this")
    args.add_argument("--corpus-only", action="store_true", help="no fuzz")
    args = args.parse_args()
    tree, target = f"{args.work}/tree", os.environ["CARGO_TARGET_DIR"]

    listing = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "--diff", "--no-shuffle", "-d", tree]
        + [word for glob in WHERE for word in ("--file", glob)],
        check=True, capture_output=True, text=True)
    mutants = [m for m in json.loads(listing.stdout)
               if not TESTS.search(m["file"]) and re.search(args.only, m["name"])]
    chosen = random.Random(args.seed).sample(mutants, min(args.sample, len(mutants)))
    print(f"{len(chosen)} of {len(mutants)} mutants, seed {args.seed}", flush=True)

    lowered = any(m["file"].startswith("src/lower/") for m in chosen)
    for lower in {False, lowered}:
        # The first build takes long.
        name, said = verdict(tree, target, lower, not args.corpus_only, 3600)
        if name != "missed":
            sys.exit(f"mutants.sh: unchanged, {name} fails already:\n{said}")

    results = []
    for mutant in chosen:
        path = f"{tree}/{mutant['file']}"
        with open(path, encoding="utf-8") as file:
            original = file.read()
        subprocess.run(["patch", "-s", "-p0", path], input=mutant["diff"], text=True, check=True,
                       stdout=subprocess.DEVNULL)
        try:
            name, _ = verdict(tree, target, mutant["file"].startswith("src/lower/"),
                              not args.corpus_only)
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(original)
        results.append({"mutant": mutant["name"], "result": name})
        print(f"{name:12}{mutant['name']}", flush=True)
        with open(f"{args.work}/out.json", "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)

    missed = [r for r in results if r["result"] == "missed"]
    counted = [r for r in results if r["result"] != "unbuildable"]
    caught = len(counted) - len(missed)
    print(f"{caught} of {len(counted)} caught; missed:")
    for r in missed:
        print(f"  {r['mutant']}")
    sys.exit(0 if caught >= WANTED * len(counted) else 1)


main()
