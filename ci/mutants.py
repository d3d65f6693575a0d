"""What ci/mutants.sh does with its copy of the checkout; see there.

A mutant is caught if the corpus replay or the fuzz fails, or does not end; else, if the goldens of generated
code or the unit tests do: many changes make code slower and not wrong. One that does not build counts
as neither caught nor missed. Builds are of the profile `mutants`, which is made for building again.
"""

import argparse
import collections
import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tomllib

# What is changed, and the test that is to notice.
WHERE = ["src/lift/**/*.rs", "src/opt/**/*.rs", "src/lower/**/*.rs", "src/helper/**/*.rs", "src/ir/eval/**/*.rs"]
TESTS = re.compile(r"/tests\.rs|/tests/|_tests\.rs")
HOSTS = ["max", "rv64,v=false"]
# In the order in which they are made.
CHECKS = ["corpus", "fuzz", "goldens", "units"]
SEED = "4711"
CASES, JIT_CASES = "40000", "15000"
WANTED = 0.95
# What a process of a check may compute, and what a check may take: unchanged, none takes a tenth of either. What
# does not end mostly computes, and time of the CPU is the same on a busy machine.
CPU_SECONDS = 60
SECONDS = 600
# A mutant must not take the machine's memory.
BYTES = 8 << 30


def run(command, tree, env, seconds=SECONDS, limited=True):
    """Status and the end of what was said; 124 if it did not end. What it started ends with it."""
    def limit():
        if limited:
            resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    process = subprocess.Popen(
        command, cwd=tree, env={**os.environ, **env}, start_new_session=True, preexec_fn=limit,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        said, _ = process.communicate(timeout=seconds)
        return process.returncode, said
    except subprocess.TimeoutExpired:
        return 124, "it does not end"
    finally:
        # Also if this is being ended itself. A group that is gone is no error.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Copy:
    """The copy of the checkout, and how it is built and checked."""

    def __init__(self, top, work, fuzzing):
        self.top, self.fuzzing, self.programs = top, fuzzing, {}
        self.tree, self.target = f"{work}/tree", os.environ["CARGO_TARGET_DIR"]
        names = subprocess.run(["git", "-C", top, "ls-files", "-z"], check=True, capture_output=True).stdout
        self.files = [n for n in names.decode().split("\0") if n and os.path.isfile(f"{top}/{n}")]
        # There while something is built: what a build leaves that is ended in the middle may be broken.
        self.building = f"{work}/building"
        if os.path.exists(self.building):
            for profile in (f"{self.target}/mutants", f"{self.target}/riscv64gc-unknown-linux-gnu/mutants"):
                shutil.rmtree(f"{profile}/incremental", ignore_errors=True)
            os.remove(self.building)
        self.sync()

    def sync(self):
        """Writes what is otherwise in the checkout; only that, so that only that is built again."""
        old = {os.path.relpath(f"{d}/{f}", self.tree) for d, _, files in os.walk(self.tree) for f in files}
        for name in old - set(self.files):
            os.remove(f"{self.tree}/{name}")
        for name in self.files:
            here, there = f"{self.top}/{name}", f"{self.tree}/{name}"
            content = read(here)
            if name not in old or read(there) != content:
                os.makedirs(os.path.dirname(there), exist_ok=True)
                with open(there, "wb") as file:
                    file.write(content)
                shutil.copymode(here, there)

    def digest(self):
        """Of all that can change what a mutant comes to."""
        all_of_it = hashlib.sha256()
        for name in self.files:
            if name.startswith(("src/", "corpus/", "harness/", "tests/corpus", "tests/support", "ci/mutants.py")):
                all_of_it.update(name.encode() + b"\0" + read(f"{self.top}/{name}"))
        return all_of_it.hexdigest()[:16]

    def cargo(self, *words, riscv=False):
        """Builds with this command; status, and what was said."""
        command = ["riscv-qemu/build.sh", *words] if riscv else ["cargo", *words]
        with open(self.building, "wb"):
            built = run([*command, "--quiet", "--profile", "mutants"], self.tree, {}, 3600, limited=False)
        os.remove(self.building)
        return built

    def tests(self, *words):
        """Builds tests, and remembers where they are."""
        # Both packages, so that the library is built once for all.
        status, said = self.cargo("test", "-p", "felix", "-p", "harness", "--no-run",
                                  "--message-format", "json-render-diagnostics", *words)
        for line in said.splitlines():
            built = json.loads(line) if line.startswith("{") else {}
            if built.get("executable") and built["profile"]["test"]:
                self.programs[built["target"]["name"]] = built["executable"]
        return status, said

    def test(self, name, **env):
        return run([self.programs[name], "--quiet"], self.tree, {"INSTA_UPDATE": "no", **env})

    def riscv(self):
        status, said = self.cargo("--bin", "felix", riscv=True)
        if status == 0:
            # Where everyone looks for it.
            built, there = (f"{self.target}/riscv64gc-unknown-linux-gnu/{p}" for p in ("mutants", "release"))
            os.makedirs(there, exist_ok=True)
            shutil.copy2(f"{built}/felix", f"{there}/felix.new")
            os.replace(f"{there}/felix.new", f"{there}/felix")
        return status, said

    def checks(self, lower):
        """Name of each check, and what does it."""
        def fuzz(cases, engine, host):
            command = [f"{self.target}/mutants/harness", "fuzz", "--cases", cases, "--seed", SEED,
                       "--oracles", "native", "--engines", engine, "--stop-after", "1",
                       "--out", f"{self.target}/differences"]
            return run(command, self.tree, {"QEMU_CPU": host})

        yield "build", lambda: self.tests("--test", "corpus")
        if not lower:
            # `src/lower` is no part of these.
            yield "corpus", lambda: self.test("corpus")
        if self.fuzzing:
            yield "build", lambda: self.cargo("build", "-p", "felix", "-p", "harness")
            for engine in () if lower else ("interp", "cold"):
                yield "fuzz", lambda engine=engine: fuzz(CASES, engine, "")
        yield "build", self.riscv
        for host in HOSTS:
            yield "corpus", lambda host=host: self.test("corpus", FELIX_TEST_CPU=host)
        for host in HOSTS if self.fuzzing else ():
            for engine in ("jit", "baseline"):
                yield "fuzz", lambda engine=engine, host=host: fuzz(JIT_CASES, engine, host)
        # Of what is still right, how good the code is.
        yield "build", lambda: self.tests("--test", "snapshots", "--lib")
        yield "goldens", lambda: self.test("snapshots")
        yield "units", lambda: self.test("felix")

    def verdict(self, lower):
        for name, check in self.checks(lower):
            status, said = check()
            if status != 0:
                return ("unbuildable" if name == "build" else name), said
        return "missed", ""

    def judge(self, mutant):
        path = f"{self.tree}/{mutant['file']}"
        original = read(path)
        subprocess.run(["patch", "-s", "-p0", path], input=mutant["diff"], text=True, check=True,
                       stdout=subprocess.DEVNULL)
        try:
            return self.verdict(mutant["file"].startswith("src/lower/"))[0]
        finally:
            with open(path, "wb") as file:
                file.write(original)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def change(mutant):
    """What is changed, without saying where."""
    return mutant["name"].split(": ", 1)[1]


def removed(mutant):
    """The lines it changes."""
    lines = mutant["diff"].splitlines()[2:]
    return " ".join(line[1:].strip() for line in lines if line.startswith("-"))


def identify(mutants):
    """Gives each an identity that stays when code elsewhere is changed: not the line, but which of those alike it is."""
    seen = collections.Counter()
    for mutant in mutants:
        alike = "\n".join((mutant["file"], change(mutant), removed(mutant)))
        seen[alike] += 1
        mutant["identity"] = f"{alike}\n{seen[alike]}"


def sample(mutants, n, seed):
    """So many of them at random, by identity: the sample stays much the same while the code goes on."""
    def rank(mutant):
        return hashlib.sha256(f"{seed}\n{mutant['identity']}".encode()).digest()
    return sorted(mutants, key=rank)[:n]


def equivalents(top, mutants):
    """The mutants that make no difference, by name: why."""
    with open(f"{top}/ci/mutants-equivalent.toml", "rb") as file:
        listed = tomllib.load(file).get("mutant", [])
    out = {}
    for entry in listed:
        named = [m["name"] for m in mutants
                 if (m["file"], change(m), removed(m)) == (entry["file"], entry["change"], entry["line"])]
        if not named:
            sys.exit(f"mutants.sh: ci/mutants-equivalent.toml names what is not there any more:\n{entry}")
        out.update({name: entry["reason"] for name in named})
    return out


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("mutants.sh: ended; started again it goes on here"))
    args = argparse.ArgumentParser(prog="mutants.sh")
    args.add_argument("top")
    args.add_argument("work")
    args.add_argument("--sample", type=int, default=60)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--only", default="", help="only mutants whose name matches this")
    args.add_argument("--corpus-only", action="store_true", help="no fuzz")
    args = args.parse_args()
    copy = Copy(args.top, args.work, not args.corpus_only)

    listing = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "--diff", "--no-shuffle", "-d", copy.tree]
        + [word for glob in WHERE for word in ("--file", glob)],
        check=True, capture_output=True, text=True)
    mutants = [m for m in json.loads(listing.stdout) if not TESTS.search(m["file"])]
    identify(mutants)
    equivalent = equivalents(args.top, mutants)
    mutants = [m for m in mutants if re.search(args.only, m["name"])]
    chosen = sample(mutants, args.sample, args.seed)
    print(f"{len(chosen)} of {len(mutants)} mutants, seed {args.seed}", flush=True)

    # What was caught stays caught as long as the mutant is the same; what was missed may be caught by
    # whatever is new.
    out = f"{args.work}/out.json"
    judged = json.loads(read(out)) if os.path.exists(out) else {}
    now = copy.digest() + ("" if copy.fuzzing else "-corpus")

    def known(mutant):
        before = judged.get(mutant["identity"])
        if before and (before["result"] not in ("missed", "unbuildable") or before["when"] == now):
            return before["result"]
        return None

    def tell(name, mutant):
        print(f"{name:12}{mutant['name']}", flush=True)

    if any(m["name"] not in equivalent and not known(m) for m in chosen):
        for lower in (False, True):
            name, said = copy.verdict(lower)
            if name != "missed":
                sys.exit(f"mutants.sh: unchanged, {name} fails already:\n{said[-2000:]}")
    results = []
    for mutant in chosen:
        result = "equivalent" if mutant["name"] in equivalent else known(mutant)
        if not result:
            result = copy.judge(mutant)
            judged[mutant["identity"]] = {"mutant": mutant["name"], "result": result, "when": now}
            with open(f"{out}.new", "w", encoding="utf-8") as file:
                json.dump(judged, file, indent=1)
            os.replace(f"{out}.new", out)
        results.append((result, mutant))
        tell(result, mutant)

    by = collections.Counter(result for result, _ in results)
    caught = sum(by[name] for name in CHECKS)
    counted = caught + by["missed"]
    print(f"{caught} of {counted} caught: {', '.join(f'{by[name]} by {name}' for name in CHECKS)}; "
          f"{by['equivalent']} make no difference, {by['unbuildable']} do not build; missed:")
    for result, mutant in results:
        if result == "missed":
            print(f"  {mutant['name']}\n    {removed(mutant)}")
    sys.exit(0 if caught >= WANTED * counted else 1)


main()
