"""Measures what ci/bench.sh sets up: RISC-V instructions of EMULATOR PROGRAM over those of the same
program, same version, built for riscv64 by Debian, all under qemu-riscv64 with the counting plugin. The
whole process counts: start-up, translation, exit. A program whose output or exit status differs from the
native x86-64 run is WRONG and counts nowhere. Exit status 1 if felix got one wrong, or --check fails.
"""
import argparse, hashlib, json, math, os, re, subprocess, sys, tempfile, tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
CPU = "rv64,v=true,vlen=256,zba=true,zbb=true,zbs=true,zbc=true"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1"}
TOLERANCE = 1.02
WORDS = "package version depends library binary source section priority".split()


def data():
    """3 MB of word-like text, always the same."""
    x, words = 12345, []
    for _ in range(420000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        words.append(WORDS[x >> 16 & 7] + (str(x % 9973) if x & 0x100000 else ""))
    return " ".join(words).encode()


def execute(cmd, env, stdin, limit):
    """Exit status, digest of the output, the end of standard error."""
    try:
        r = subprocess.run(cmd, env={**ENV, **env}, input=stdin, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return -1, "", f"no answer in {limit} s"
    return r.returncode, hashlib.sha256(r.stdout).hexdigest(), r.stderr.decode(errors="replace")[-400:]


class Bench:
    def __init__(self, a):
        self.a, self.dir = a, a.dir
        self.amd64, self.riscv64 = f"{a.dir}/amd64", f"{a.dir}/riscv64"

    def native_x86(self, argv):
        """The truth: the root's own loader needs no chroot."""
        libs = f"{self.amd64}/usr/lib/x86_64-linux-gnu"
        return [f"{self.amd64}/lib64/ld-linux-x86-64.so.2", "--library-path", libs, "--argv0", argv[0], self.amd64 + argv[0]] + argv[1:]

    def command(self, column, argv):
        """What runs a program under qemu-riscv64, and the environment it needs."""
        if column == "native":
            return ["-L", self.riscv64, self.riscv64 + argv[0]] + argv[1:], {}
        if column == "box64":
            env = {"BOX64_NORCFILES": "1", "BOX64_LOG": "0", "BOX64_LD_LIBRARY_PATH": f"{self.amd64}/usr/lib/x86_64-linux-gnu"}
            return ["-L", f"{self.dir}/box64", f"{self.dir}/box64/usr/bin/box64", self.amd64 + argv[0]] + argv[1:], env
        if column == "qemu":
            return [f"{self.dir}/qemu/usr/bin/qemu-x86_64", "-L", self.amd64, self.amd64 + argv[0]] + argv[1:], {"QEMU_CPU": ""}
        options = ["--stats"] if column == "stats" else []
        return [self.a.felix, "run", *options, *self.a.options.split(), "--share=false", "--share-home=false", "--rootfs", self.amd64, "--", *argv], {}

    def measure(self, column, argv, stdin, truth):
        cmd, env = self.command(column, argv)
        env = {"QEMU_CPU": self.a.cpu, **env}
        if not env["QEMU_CPU"]:
            # qemu-x86_64 would take it for its own guest's.
            del env["QEMU_CPU"]
        fd, count = tempfile.mkstemp()
        os.close(fd)
        plugin = ["-plugin", f"{self.dir}/count.so,out={count}"]
        rc, digest, err = execute([self.a.qemu] + plugin + cmd, env, stdin, self.a.timeout)
        with open(count) as f:
            lines = [list(map(int, l.split()[1:])) for l in f if l.startswith("INSNS")]
        os.unlink(count)
        total, outside, translating, making = (sum(c) for c in zip(*lines)) if lines else (0, 0, 0, 0)
        if not lines and rc != -1:
            sys.exit(f"bench: {self.a.qemu} counted nothing; does it have plugins of version 1? {err}")
        return {"insns": total, "translated": outside, "translating": translating, "making": making, "right": (rc, digest) == truth, "rc": rc, "err": err}

    def stats(self, argv, stdin, truth):
        """Figures of felix itself: a second run, because asking costs a little."""
        m = self.measure("stats", argv, stdin, truth)
        found = re.search(r"(\d+) guest instructions translated.* (\d+) instructions made one by one", m["err"], re.S)
        memory = re.search(r"memory: (\d+) KiB", m["err"])
        guest, plain = (int(n) for n in found.groups()) if found else (0, 0)
        each = lambda insns, of: round(insns / of) if of else None
        return {
            "translated": m["translated"],
            "translating": m["translating"],
            "making": m["making"],
            "rest": m["insns"] - m["translated"] - m["translating"] - m["making"],
            "guest_insns": guest,
            "plain_insns": plain,
            "per_guest_insn": each(m["translating"], guest),
            "per_plain_insn": each(m["making"], plain),
            "per_insn": each(m["translating"] + m["making"], guest + plain),
            "memory_kib": int(memory[1]) if memory else None,
        }


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def summary(programs, results, columns):
    out = {}
    for kind, startup in (("start-up", True), ("steady", False)):
        names = [n for n in results if programs[n].get("startup", False) == startup]
        for c in columns:
            costs = [results[n][c]["cost"] for n in names if results[n][c]["cost"]]
            if costs:
                out.setdefault(kind, {})[c] = {"cost": round(geomean(costs), 3), "right": len(costs), "of": len(names)}
    return out


COLOURS = {"felix": "#c2410c", "box64": "#2563eb", "qemu": "#94a3b8"}
TITLES = {"felix": "felix", "box64": "Box64", "qemu": "qemu-x86_64"}


def svg(programs, results, means, columns, cpu):
    """Bars, all in proportion; what is far dearer than felix and Box64 is cut off, with its figure."""
    groups = [(n, {c: results[n][c]["cost"] for c in columns}) for n in results if not programs[n].get("startup")]
    groups += [("geomean", {c: means["steady"][c]["cost"] for c in columns if c in means.get("steady", {})})]
    left, width, bar, gap, top = 90, 520, 15, 14, 74
    costs = [v for _, row in groups for c, v in row.items() if v and c != "qemu"]
    most = max(costs + [2.0]) * 1.15
    x = lambda v: left + width * min(v / most, 1.0)
    step = bar * len(columns) + gap
    height = top + step * len(groups) + 34
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="#ffffff"/>',
        '<text x="16" y="24" font-size="15" font-weight="600" fill="#111827">RISC-V instructions per instruction of the native RISC-V program</text>',
        f'<text x="16" y="42" fill="#4b5563">1 is native speed, shorter is better; {cpu}</text>',
    ]
    for n, c in enumerate(columns):
        at = 16 + 130 * n
        out.append(f'<rect x="{at}" y="52" width="12" height="12" fill="{COLOURS[c]}"/><text x="{at + 18}" y="62" fill="#111827">{TITLES[c]}</text>')
    bottom = top + step * len(groups)
    for half in range(0, int(2 * most) + 1, 1 if most < 6 else 2):
        tick = half / 2
        if tick < most:
            out.append(f'<line x1="{x(tick):.1f}" y1="{top}" x2="{x(tick):.1f}" y2="{bottom}" stroke="{"#6b7280" if tick == 1 else "#e5e7eb"}"/><text x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle" fill="#6b7280">{tick:g}</text>')
    for g, (name, row) in enumerate(groups):
        y = top + step * g + gap / 2
        weight = ' font-weight="600"' if name == "geomean" else ""
        out.append(f'<text x="{left - 8}" y="{y + bar * len(columns) / 2 + 4:.1f}" text-anchor="end" fill="#111827"{weight}>{name}</text>')
        for n, c in enumerate(columns):
            v, at = row.get(c), y + bar * n
            if v:
                out.append(f'<rect x="{left}" y="{at:.1f}" width="{x(v) - left:.1f}" height="{bar - 2}" fill="{COLOURS[c]}"/>')
                if v > most:
                    out.append(f'<path d="M{x(v) - 16:.1f} {at + bar - 2:.1f} l5 -{bar - 2} h4 l-5 {bar - 2} z" fill="#ffffff"/>')
                out.append(f'<text x="{x(v) + 5:.1f}" y="{at + bar - 4:.1f}" fill="#111827"{weight}>{v:.2f}</text>')
            else:
                out.append(f'<text x="{left + 5}" y="{at + bar - 4:.1f}" fill="#b91c1c">wrong</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def check(path, results):
    """Programs that cost more than the file says."""
    with open(path) as f:
        recorded = json.load(f)
    bad = []
    for name, row in results.items():
        old = recorded["programs"].get(name, {}).get("felix", {}).get("insns")
        new = row["felix"]["insns"]
        if old:
            word = "more" if new > old else "less"
            print(f"check {name}: {new / 1e6:.1f} M instructions, recorded {old / 1e6:.1f} M, {abs(new / old - 1):.1%} {word}")
            if new > old * TOLERANCE:
                bad.append(name)
    return bad


def arguments():
    p = argparse.ArgumentParser(prog="ci/bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", nargs="?", const="box64,qemu", default="", help="also box64, qemu or (default) both")
    p.add_argument("--only", default="", help="programs, separated by commas")
    p.add_argument("--cpu", default=CPU, help="qemu's RISC-V CPU for native programs, felix and box64, e.g. rv64,v=false (default: %(default)s)")
    p.add_argument("--options", default="", help="options for felix run")
    p.add_argument("--stats", action="store_true", help="also where felix's instructions go, what translating costs, felix's own memory")
    p.add_argument("--json", help="write the figures here")
    p.add_argument("--svg", help="write the picture here")
    p.add_argument("--check", nargs="?", const=f"{HERE}/bench.json", help="fail if a program costs over 2%% more than this file says (default: ci/bench.json)")
    p.add_argument("--timeout", type=int, default=300, help="seconds for one run")
    p.add_argument("--dir", help=argparse.SUPPRESS)
    p.add_argument("--qemu", help=argparse.SUPPRESS)
    p.add_argument("--felix", help=argparse.SUPPRESS)
    return p.parse_args()


def main():
    a = arguments()
    with open(f"{HERE}/bench.toml", "rb") as f:
        programs = tomllib.load(f)
    bench = Bench(a)
    columns = ["felix"] + [c for c in a.peers.split(",") if c]
    names = [n for n in programs if not a.only or n in a.only.split(",")]
    print(f"CPU {a.cpu}; millions of RISC-V instructions, and how many times the native program's")
    head = f"{'':8}{'native':>10}" + "".join(f"{TITLES[c]:>19}" for c in columns)
    if a.stats:
        head += f"{'translated':>13}{'translating':>13}{'one by one':>12}{'rest':>9}{'insns/guest insn':>26}{'memory':>10}"
    print(head, flush=True)
    results, stats = {}, {}
    for name in names:
        p = programs[name]
        argv = [p["exe"]] + p.get("args", [])
        stdin = data() if p.get("stdin") == "data" else p.get("stdin", "").encode()
        truth = execute(bench.native_x86(argv), {}, stdin, 60)[:2]
        row = {c: bench.measure(c, argv, stdin, truth) for c in ["native"] + columns}
        native = row["native"]
        if not native["right"]:
            sys.exit(f"bench: {name} built for RISC-V does not give what it gives on x86-64: {native['err']}")
        line = f"{name:8}{native['insns'] / 1e6:10.1f}"
        for c in columns:
            m = row[c]
            m["cost"] = m["insns"] / native["insns"] if m["right"] else None
            line += f"{m['insns'] / 1e6:12.1f} x{m['cost']:5.2f}" if m["cost"] else f"{'WRONG, status ' + str(m['rc']):>19}"
        if a.stats:
            s = stats[name] = bench.stats(argv, stdin, truth)
            line += f"{s['translated'] / 1e6:13.1f}{s['translating'] / 1e6:13.1f}{s['making'] / 1e6:12.1f}{s['rest'] / 1e6:9.1f}"
            each = f"{s['per_guest_insn'] or '-'}, {s['per_plain_insn'] or '-'}; {s['per_insn'] or '-'}"
            line += f"{each:>26}"
            line += f"{s['memory_kib'] / 1024:7.1f} MB" if s["memory_kib"] else f"{'-':>10}"
        print(line, flush=True)
        results[name] = row
    means = summary(programs, results, columns)
    for kind, row in means.items():
        line = f"{kind:8}{'':10}" + "".join(f"{'x%.2f' % row[c]['cost'] if c in row else '-':>19}" for c in columns)
        print(line + ("" if all(r["right"] == r["of"] for r in row.values()) else "  of those that were right"))
    if a.json:
        keep = {n: {c: {k: v for k, v in m.items() if k in ("insns", "cost", "right")} for c, m in row.items()} for n, row in results.items()}
        for n, s in stats.items():
            keep[n]["stats"] = s
        with open(a.json, "w") as f:
            json.dump({"cpu": a.cpu, "geomean": means, "programs": keep}, f, indent=1)
            f.write("\n")
    if a.svg:
        with open(a.svg, "w") as f:
            f.write(svg(programs, results, means, columns, a.cpu))
    wrong = [n for n in results if not results[n]["felix"]["right"]]
    for n in wrong:
        print(f"felix {n}: status {results[n]['felix']['rc']}: {results[n]['felix']['err']!r}")
    bad = check(a.check, results) if a.check else []
    if bad:
        print("dearer than recorded: " + ", ".join(bad))
    return 1 if wrong or bad else 0


if __name__ == "__main__":
    sys.exit(main())
