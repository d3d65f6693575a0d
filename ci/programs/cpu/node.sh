# V8: its interpreter and its compilers, whose code is made while it runs; AVX2 by CPUID.
node - <<'END'
const crypto = require('crypto');
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log(fib(24));
const floats = new Float64Array(10000);
for (let i = 0; i < floats.length; i++) floats[i] = Math.sin(i) * Math.sqrt(i);
console.log(floats.reduce((a, b) => a + b, 0));
for (const name of ['sha256', 'sha512', 'md5'])
    console.log(crypto.createHash(name).update('felix'.repeat(10000)).digest('hex'));
const cipher = crypto.createCipheriv('aes-256-gcm', Buffer.alloc(32, 7), Buffer.alloc(12, 3));
console.log(cipher.update('a'.repeat(1000), 'utf8', 'hex').length, cipher.final('hex'), cipher.getAuthTag().toString('hex'));
let product = 1n;
for (let i = 1n; i < 300n; i++) product *= i;
console.log(product.toString().length, (product % 1000000007n).toString());
const map = new Map();
for (let i = 0; i < 20000; i++) map.set('k' + (i * 7919 % 1000), i);
console.log(map.size, [...map.values()].reduce((a, b) => a + b));
console.log(JSON.stringify({ x: [1, 2.5, 'é'], y: null }).length, 'aBcDé'.normalize('NFD').length);
console.log([...'the quick brown fox'.matchAll(/[aeiou](\w)/g)].map((m) => m[1]).join(''));
const sorted = [];
for (let i = 0; i < 5000; i++) sorted.push((i * 1103515245 + 12345) % 65536);
sorted.sort((a, b) => a - b);
console.log(sorted[100], sorted[4000]);
END
