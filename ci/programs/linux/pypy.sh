# PyPy: loops compiled while they run.
cd "$(mktemp -d)" || exit
cat >t.py <<'END'
import hashlib, json, random, re, subprocess, sys, threading
print(sys.implementation.name)
random.seed(5)
def sieve(n):
    p = bytearray([1]) * n
    for i in range(2, int(n ** 0.5) + 1):
        if p[i]:
            p[i * i::i] = bytes(len(range(i * i, n, i)))
    return sum(p) - 2
print(sieve(300000))
x = 0
for i in range(2000000):
    x = (x * 31 + i) & 0xffffffff
print(x, sum(i * 0.1 for i in range(300000)))
d = {}
for i in range(100000):
    d[f"k{i % 1000}"] = d.get(f"k{i % 1000}", 0) + i
print(hashlib.sha256(json.dumps(d).encode()).hexdigest())
print(sorted(random.random() for _ in range(50000))[25000], 3 ** 2000 % 10 ** 20)
class Node:
    def __init__(self, v): self.v, self.l, self.r = v, None, None
def insert(n, v):
    while True:
        side = "l" if v < n.v else "r"
        if getattr(n, side) is None:
            setattr(n, side, Node(v)); return
        n = getattr(n, side)
root = Node(0.5)
for _ in range(20000): insert(root, random.random())
def depth(n): return 0 if n is None else 1 + max(depth(n.l), depth(n.r))
print(depth(root))
total, lock = [0], threading.Lock()
def work():
    for _ in range(5000):
        with lock: total[0] += 1
ts = [threading.Thread(target=work) for _ in range(6)]
[t.start() for t in ts]; [t.join() for t in ts]
print(total, len(re.findall(r"\b\w+ing\b", "running and jumping " * 5000)))
print(subprocess.run(["sort", "-r"], input=b"1\n2\n", stdout=subprocess.PIPE).stdout)
END
pypy3 t.py
cd / && rm -r "$OLDPWD"
