# V8 with threads, and libuv: workers, child processes, HTTP on the loopback.
cat >/tmp/n.js <<'END'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawn, execFile, fork } = require('child_process');
const http = require('http'), fs = require('fs'), os = require('os'), crypto = require('crypto');
if (process.argv[2] === 'child') {
    process.on('message', (m) => { process.send({ squared: m.x * m.x }); process.disconnect(); });
} else if (!isMainThread) {
    const shared = new Int32Array(workerData.shared);
    for (let i = 0; i < 20000; i++) Atomics.add(shared, 0, 1);
    Atomics.notify(shared, 0);
    let h = 0;
    for (let i = 0; i < 300000; i++) h = (h * 31 + i * workerData.n) | 0;
    parentPort.postMessage([workerData.n, h]);
} else (async () => {
    const shared = new SharedArrayBuffer(8);
    const answers = await Promise.all([1, 2, 3, 4].map((n) => new Promise((done, fail) => {
        const w = new Worker(__filename, { workerData: { n, shared } });
        w.on('message', done); w.on('error', fail);
    })));
    console.log(answers.sort((a, b) => a[0] - b[0]), new Int32Array(shared)[0]);
    const run = (file, args, input) => new Promise((done) => {
        const c = spawn(file, args); let out = '';
        c.stdout.on('data', (d) => out += d); c.on('close', (code, signal) => done([out.trim(), code, signal]));
        c.stdin.end(input);
    });
    console.log(await run('sort', ['-n'], '3\n1\n2\n'), await run('sh', ['-c', 'exit 7']), await run('sh', ['-c', 'kill -TERM $$']));
    const child = fork(__filename, ['child']);
    child.send({ x: 12 });
    console.log(await new Promise((done) => child.on('message', done)));
    await new Promise((done) => child.on('exit', done));
    const server = http.createServer((req, res) => {
        const hash = crypto.createHash('sha256');
        req.on('data', (d) => hash.update(d));
        req.on('end', () => { res.setHeader('x-url', req.url); res.end(hash.digest('hex')); });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const ask = (i) => new Promise((done, fail) => {
        const req = http.request({ host: "127.0.0.1", port: server.address().port, method: 'POST', path: '/' + i }, (res) => {
            let body = ''; res.on('data', (d) => body += d); res.on('end', () => done(res.headers['x-url'] + ' ' + body));
        });
        req.on('error', fail); req.end(Buffer.alloc(i * 5000, i));
    });
    for (const line of await Promise.all([...Array(20).keys()].map(ask))) console.log(line);
    server.close();
    fs.mkdtemp(os.tmpdir() + '/x', async (e, dir) => {
        await fs.promises.writeFile(dir + '/f', 'x'.repeat(100000));
        console.log((await fs.promises.stat(dir + '/f')).size, await fs.promises.readdir(dir));
        fs.rmSync(dir, { recursive: true });
        process.on('SIGUSR2', () => { console.log('SIGUSR2'); clearInterval(timer); });
        const timer = setInterval(() => {}, 1000);
        process.kill(process.pid, 'SIGUSR2');
    });
})();
END
node /tmp/n.js; rm /tmp/n.js
