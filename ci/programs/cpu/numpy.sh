# Linear algebra and FFT, every bit of the results. With AVX-512, which felix's CPU has not, functions are
# approximated otherwise.
export NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
python3 - <<'PY'
import hashlib
import numpy as np
r = np.random.default_rng(7)
a, b = r.standard_normal((120, 120)), r.standard_normal((120, 120))
def show(name, v):
    print(name, hashlib.sha256(np.ascontiguousarray(v).tobytes()).hexdigest()[:24])
show("sum", np.array([a.sum(), a.mean(), a.std(), np.median(a)]))
show("ufuncs", np.stack([np.exp(a), np.log(abs(a)), np.sin(a), np.tanh(a), np.sqrt(abs(a)), np.cbrt(a), a ** 3]))
show("float32", np.exp(a.astype(np.float32)) * np.float32(3) + np.log1p(abs(b).astype(np.float32)))
show("ints", (a * 1000).astype(np.int32) // 7 ^ (b * 1000).astype(np.int16))
show("sort", np.sort(a.ravel())); show("argsort", np.argsort(a, axis=1)); show("where", np.where(a > b, a, b))
show("half", a.astype(np.float16).astype(np.float64)); show("complex", (a + 1j * b) * (b - 1j * a))
show("fft", np.fft.fft(a)); show("rfft2", np.fft.rfft2(b))
print(np.allclose(a @ np.linalg.inv(a), np.eye(120)), np.allclose(np.linalg.eigvalsh(a + a.T).sum(), 2 * np.trace(a)))
u, s, v = np.linalg.svd(a)
print(np.allclose(u * s @ v, a), np.allclose(np.linalg.solve(a, b), np.linalg.inv(a) @ b), np.linalg.matrix_rank(a))
PY
