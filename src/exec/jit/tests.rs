//! Translated code against the evaluators: only where it can run, under a RISC-V CPU.
//!
//! On other hosts the same regions are lowered, so that at least nothing panics there.

use super::super::PlainMemory;
use super::*;
use crate::ir::{Block, Inst, Op, Region, Target, Term, Value, Var, eval};
use crate::rv64::listing;
use crate::x86::{Cond, Gpr, Width};

const EDGES: [u64; 18] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x1234_5678_9abc_def1,
    0xfedc_ba98_8765_4321,
];

/// The feature sets to lower for: what the host has, and less.
fn isas() -> Vec<HostIsa> {
    let host = probe();
    let mut all: Vec<HostIsa> = [
        "gc",
        "gc,zba",
        "gc,zbb",
        "gc,zba,zbb,zbs",
        "gc,zba,zbb,zbs,zicond",
        "gc,v128",
    ]
    .iter()
    .map(|s| s.parse().unwrap())
    .filter(|isa: &HostIsa| cfg!(not(target_arch = "riscv64")) || isa.runs_on(host))
    .collect();
    all.push(host);
    all.dedup();
    all
}

/// Random numbers from a printed seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % n
    }

    fn edge(&mut self) -> u64 {
        match self.below(4) {
            0 => self.next(),
            _ => EDGES[self.below(EDGES.len())],
        }
    }
}

struct Builder(Vec<Inst>);

impl Builder {
    fn push(&mut self, op: Op, w: Width, args: &[Value], imm: u64) -> Value {
        let mut inst = Inst::new(op, w);
        inst.args[..args.len()].copy_from_slice(args);
        inst.imm = imm;
        self.0.push(inst);
        Value(u32::try_from(self.0.len() - 1).unwrap())
    }

    fn konst(&mut self, c: u64) -> Value {
        self.push(Op::Const, Width::W64, &[], c)
    }

    fn get(&mut self, var: Var) -> Value {
        self.push(Op::Get, Width::W64, &[], var.encode())
    }

    fn set(&mut self, var: Var, v: Value) {
        self.push(Op::Set, Width::W64, &[v], var.encode());
    }
}

const START: GuestAddr = GuestAddr(0x40_0000);
const END: GuestAddr = GuestAddr(0x40_0100);

fn region(blocks: Vec<Block>) -> Region {
    Region {
        blocks,
        pool: Vec::new(),
        source: vec![(START, 64)],
        guest_insns: 1,
    }
}

fn block(insts: Vec<Inst>) -> Block {
    Block {
        addr: START,
        entry: true,
        insts,
        term: Term::Syscall { next: END },
    }
}

/// Runs a translation, where that is possible.
struct Runner(Option<JitEngine>, HostIsa);

impl Runner {
    fn new(isa: HostIsa) -> Runner {
        let _ = sys::fault::install();
        let engine = JitEngine::new(Arc::new(PlainMemory), isa);
        assert_eq!(engine.is_ok(), cfg!(target_arch = "riscv64"));
        Runner(engine.ok(), isa)
    }

    /// Makes `t` what `run` runs; false if there is nothing to run it on.
    fn install(&mut self, t: &Translation) -> bool {
        self.0.as_mut().is_some_and(|e| e.install(t.clone()))
    }

    fn run(&mut self, cpu: &mut CpuState) -> Option<Exit> {
        cpu.rip = START.0;
        self.0.as_mut()?.execute(cpu)
    }

    fn lower(&self, r: &Region) -> Translation {
        crate::ir::verify(r).unwrap_or_else(|e| panic!("{e}\n{r}"));
        crate::lower::lower(r, self.1, FpMode::Usual).unwrap_or_else(|e| panic!("{e}\n{r}"))
    }
}

fn is_int(op: Op) -> bool {
    eval::is_int(op) && op != Op::Const
}

/// Whether the operation is defined for these arguments.
fn defined(op: Op, w: Width, a: u64, b: u64, c: u64) -> bool {
    let (zb, sa, sb) = (w.zext(b), w.sext(a), w.sext(b));
    let least = sa == w.sext(w.sign_bit());
    match op {
        Op::DivU | Op::RemU => zb != 0,
        Op::DivS | Op::RemS => zb != 0 && !(least && sb == -1),
        Op::Div128U | Op::Rem128U => a < c,
        Op::Div128S | Op::Rem128S => eval::int(Op::Div128SOverflows, w, 0, a, b, c) == Some(0),
        _ => true,
    }
}

fn widths(op: Op) -> &'static [Width] {
    match op {
        Op::MulHiU
        | Op::MulHiS
        | Op::Div128U
        | Op::Rem128U
        | Op::Div128S
        | Op::Rem128S
        | Op::Div128SOverflows => &[Width::W64],
        _ => &Width::ALL,
    }
}

/// How an operand is given.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A register's content.
    Register,
    /// Truncated to the width by `zext`.
    Truncated,
    /// The result of 32-bit arithmetic: sign-extended on the host.
    Word,
}

/// One operation on rax, rcx, rdx, its result in rbx.
fn one_op(op: Op, w: Width, form: Form, konst: Option<u64>, imm: u64) -> (Region, Vec<Width>) {
    let mut b = Builder(Vec::new());
    b.push(Op::Insn, Width::W64, &[], START.0);
    let n = op.arg_types().count();
    let mut used = Vec::new();
    let mut args = Vec::new();
    for i in 0..n {
        if i == n - 1
            && let Some(c) = konst
        {
            args.push(b.konst(c));
            continue;
        }
        let r = [Gpr::RAX, Gpr::RCX, Gpr::RDX][i];
        let v = b.get(Var::Gpr(r));
        args.push(match form {
            Form::Register => v,
            Form::Truncated => b.push(Op::Zext, w, &[v], 0),
            Form::Word => {
                let zero = b.get(Var::Gpr(Gpr::RSI));
                b.push(Op::Add, Width::W32, &[v, zero], 0)
            }
        });
        used.push(match form {
            Form::Register => Width::W64,
            Form::Truncated => w,
            Form::Word => Width::W32,
        });
    }
    let v = b.push(op, w, &args, imm);
    b.set(Var::Gpr(Gpr::RBX), v);
    (region(vec![block(b.0)]), used)
}

#[test]
fn integer_operations_give_what_the_evaluator_gives() {
    for isa in isas() {
        let mut runner = Runner::new(isa);
        let mut checked = 0;
        for op in Op::ALL.iter().copied().filter(|op| is_int(*op)) {
            for w in widths(op).iter().copied() {
                for form in [Form::Register, Form::Truncated, Form::Word] {
                    for konst in [
                        None,
                        Some(0),
                        Some(1),
                        Some(5),
                        Some(0x80),
                        Some(0xff),
                        Some(0xffff_fff0),
                        Some(u64::MAX),
                    ] {
                        let imm = if op == Op::Deposit && w == Width::W8 {
                            8
                        } else {
                            0
                        };
                        checked += check_op(&mut runner, op, w, form, konst, imm);
                    }
                }
            }
        }
        assert!(
            cfg!(not(target_arch = "riscv64")) || checked > 50_000,
            "{checked}"
        );
    }
}

fn check_op(
    runner: &mut Runner,
    op: Op,
    w: Width,
    form: Form,
    konst: Option<u64>,
    imm: u64,
) -> u32 {
    let (r, used) = one_op(op, w, form, konst, imm);
    let t = runner.lower(&r);
    if !runner.install(&t) {
        return 0;
    }
    let n = op.arg_types().count();
    let mut checked = 0;
    for a in EDGES {
        for b in EDGES {
            if konst.is_some() && n == 2 && b != 0 {
                break;
            }
            for c in if n == 3 && konst.is_none() {
                &EDGES[10..16]
            } else {
                &[0]
            } {
                let given = [a, b, *c];
                let mut args = given;
                for (i, w) in used.iter().enumerate() {
                    args[i] = w.zext(args[i]);
                }
                if let Some(k) = konst {
                    args[n - 1] = k;
                }
                if !defined(op, w, args[0], args[1], args[2]) {
                    continue;
                }
                let want = eval::int(op, w, imm, args[0], args[1], args[2]).unwrap();
                let mut cpu = CpuState {
                    rip: START.0,
                    ..CpuState::default()
                };
                cpu.gpr[..3].copy_from_slice(&given);
                let exit = runner.run(&mut cpu);
                assert_eq!(exit, Some(Exit::Syscall));
                let got = cpu.gpr[Gpr::RBX.index()];
                assert_eq!(
                    got,
                    want,
                    "{} {w} {form:?} {args:x?}: {got:#x}, not {want:#x} ({})\n{r}\n{}",
                    op.name(),
                    runner.1,
                    listing(&t.code)
                );
                assert_eq!(cpu.gpr[..3], given);
                checked += 1;
            }
        }
    }
    checked
}

/// A page of memory the random code works on, and how it is compared.
#[repr(align(64))]
struct Arena([u64; 64]);

fn random_block(rng: &mut Random, arena: u64, len: usize) -> Vec<Inst> {
    let mut b = Builder(Vec::new());
    let ops: Vec<Op> = Op::ALL
        .iter()
        .copied()
        .filter(|op| is_int(*op) && !op.name().contains("div") && !op.name().contains("rem"))
        .collect();
    let mut ints: Vec<Value> = Vec::new();
    let mut sets: Vec<(Var, Value)> = Vec::new();
    for n in 0..len {
        b.push(Op::Insn, Width::W64, &[], START.0 + n as u64);
        for _ in 0..1 + rng.below(5) {
            let w = Width::ALL[rng.below(4)];
            let recent = |rng: &mut Random, ints: &[Value]| {
                ints[ints.len() - 1 - rng.below(ints.len().min(12))]
            };
            let v = match rng.below(16) {
                _ if ints.is_empty() => b.get(Var::Gpr(Gpr::RAX)),
                0..4 => b.get(Var::Gpr(Gpr::new(u8::try_from(rng.below(16)).unwrap()))),
                4 => b.konst(rng.edge()),
                5 if rng.below(2) == 0 => b.konst(rng.next() % 64),
                5 => {
                    // An address: a scaled index, perhaps a base, perhaps a constant.
                    let (n, x) = (b.konst(rng.next() % 5), recent(rng, &ints));
                    let s = b.push(Op::Shl, Width::W64, &[x, n], 0);
                    let y = if rng.below(3) == 0 {
                        b.konst(rng.edge())
                    } else {
                        recent(rng, &ints)
                    };
                    b.push(Op::Add, Width::W64, &[[s, y], [y, s]][rng.below(2)], 0)
                }
                6 => {
                    // Mostly inside the arena; sometimes a fault.
                    let at = if rng.below(8) == 0 {
                        0x10
                    } else {
                        arena + (rng.next() % 504)
                    };
                    let a = b.konst(at - at % 16);
                    b.push(Op::Load, w, &[a], at % 16)
                }
                7 => {
                    let at = if rng.below(8) == 0 {
                        0x10
                    } else {
                        arena + (rng.next() % 504)
                    };
                    let (a, x) = (b.konst(at), recent(rng, &ints));
                    b.push(Op::Store, w, &[a, x], 0);
                    continue;
                }
                8 => {
                    let f = b.get(Var::Flags);
                    let cond = u16::try_from(rng.below(16)).unwrap();
                    let v = b.push(Op::CondOf, Width::W64, &[f], 0);
                    b.0[v.index()].aux = cond;
                    v
                }
                9 => {
                    let (x, y) = (recent(rng, &ints), recent(rng, &ints));
                    let c = b.push(Op::Eq, Width::W8, &[x, y], 0);
                    b.push(Op::TrapIf, Width::W64, &[c], 0);
                    let at = b.0.len() - 1;
                    b.0[at].aux = Trap::DivideError as u16;
                    continue;
                }
                _ => {
                    let op = ops[rng.below(ops.len())];
                    let w = if widths(op).contains(&w) {
                        w
                    } else {
                        Width::W64
                    };
                    let args: Vec<Value> = op.arg_types().map(|_| recent(rng, &ints)).collect();
                    let room = 65 - w.bits() as usize;
                    let imm = if op == Op::Deposit {
                        rng.below(room) as u64
                    } else {
                        0
                    };
                    b.push(op, w, &args, imm)
                }
            };
            ints.push(v);
        }
        // As in lifted code, sets come last.
        for _ in 0..rng.below(3) {
            let g = Var::Gpr(Gpr::new(u8::try_from(rng.below(16)).unwrap()));
            let v = ints[ints.len() - 1 - rng.below(ints.len().min(6))];
            sets.push((g, v));
        }
        if rng.below(2) == 0 {
            let w = Width::ALL[rng.below(4)];
            let (x, y) = (ints[rng.below(ints.len())], ints[ints.len() - 1]);
            let one = b.konst(1);
            let c = b.push(Op::And, Width::W64, &[x, one], 0);
            let f = match rng.below(6) {
                0 => b.push(Op::FlAdd, w, &[x, y], 0),
                1 => b.push(Op::FlAdc, w, &[x, y, c], 0),
                2 => b.push(Op::FlLogic, w, &[x], 0),
                3 => b.push(Op::FlSubKeepCarry, w, &[x, y, c], 0),
                4 => b.push(Op::FlRaw, Width::W64, &[x], 0),
                _ => b.push(Op::FlSub, w, &[x, y], 0),
            };
            b.set(Var::Flags, f);
        }
        for (var, v) in sets.drain(..) {
            b.set(var, v);
        }
    }
    b.0
}

fn random_region(rng: &mut Random, arena: u64) -> Region {
    let n = 1 + rng.below(4);
    let mut blocks = Vec::new();
    for i in 0..n {
        let len = 1 + rng.below(8);
        let mut insts = random_block(rng, arena, len);
        let ints: Vec<Value> = (0..insts.len())
            .map(|i| Value(u32::try_from(i).unwrap()))
            .filter(|v| insts[v.index()].ty() == crate::ir::Ty::I64)
            .collect();
        let forward = |rng: &mut Random| match rng.below(4) {
            0 => Target::Exit(END),
            _ if i + 1 < n => Target::Block(BlockId(
                u32::try_from(i + 1 + rng.below(n - i - 1)).unwrap(),
            )),
            _ => Target::Exit(END),
        };
        let term = match rng.below(5) {
            0 => Term::Syscall { next: END },
            1 => Term::Jump(forward(rng)),
            _ => {
                let (x, y) = (ints[rng.below(ints.len())], ints[rng.below(ints.len())]);
                let mut b = Builder(std::mem::take(&mut insts));
                let op = [Op::Eq, Op::Ne, Op::LtU, Op::LeU, Op::LtS, Op::LeS][rng.below(6)];
                let cond = b.push(op, Width::ALL[rng.below(4)], &[x, y], 0);
                insts = b.0;
                Term::Branch {
                    cond,
                    taken: forward(rng),
                    other: forward(rng),
                }
            }
        };
        blocks.push(Block {
            addr: START,
            entry: i == 0,
            insts,
            term,
        });
    }
    region(blocks)
}

#[test]
fn random_regions_run_as_they_are_evaluated() {
    for isa in isas() {
        let mut runner = Runner::new(isa);
        let seed = 0x5eed_0000_0001;
        let mut rng = Random(seed);
        let mut arena = Box::new(Arena([0; 64]));
        let at = arena.0.as_ptr() as u64;
        for case in 0..1500 {
            let mut r = random_region(&mut rng, at);
            if case % 3 != 0 {
                opt::optimize(&mut r);
            }
            let t = runner.lower(&r);
            if !runner.install(&t) {
                continue;
            }
            let before: [u64; 16] = std::array::from_fn(|_| rng.edge());
            let bytes: [u64; 64] = std::array::from_fn(|_| rng.next());
            let mut run = |f: &mut dyn FnMut(&mut CpuState) -> Option<Exit>| {
                arena.0 = bytes;
                let mut cpu = CpuState {
                    gpr: before,
                    rip: START.0,
                    ..CpuState::default()
                };
                cpu.set_rflags(bytes[0]);
                let exit = f(&mut cpu);
                let memory = std::hint::black_box(&arena).0;
                (exit, cpu.gpr, cpu.rip, cpu.rflags(), memory)
            };
            let want = run(&mut |cpu| {
                let mut p = Program::new(r.clone());
                exit(p.run(cpu, BlockId(0)))
            });
            let got = run(&mut |cpu| runner.run(cpu));
            assert_eq!(
                got,
                want,
                "case {case} of seed {seed:#x} ({isa})\n{r}\n{}",
                listing(&t.code)
            );
        }
    }
}

#[test]
fn conditions_of_stored_flags_are_right() {
    let host = probe();
    let mut runner = Runner::new(host);
    for cond in Cond::ALL {
        let mut b = Builder(Vec::new());
        let f = b.get(Var::Flags);
        let c = b.push(Op::CondOf, Width::W64, &[f], 0);
        b.0[c.index()].aux = cond as u16;
        b.set(Var::Gpr(Gpr::RBX), c);
        let t = runner.lower(&region(vec![block(b.0)]));
        let flags = if runner.install(&t) { 0x1000 } else { 0 };
        for flags in 0..flags {
            let mut cpu = CpuState::default();
            cpu.set_rflags(flags);
            assert_eq!(runner.run(&mut cpu), Some(Exit::Syscall));
            assert_eq!(cpu.gpr[3] != 0, cond.holds(flags), "{cond:?} of {flags:#x}");
        }
    }
}

/// Sums 1 to n in a loop, doubles the sum in a function, adds one: n is the word at offset 4.
const PROGRAM: &[u8] = &[
    0x48, 0x31, 0xc0, // xor rax, rax
    0xb9, 0xe8, 0x03, 0x00, 0x00, // mov ecx, 1000
    0x48, 0x01, 0xc8, // add rax, rcx
    0xff, 0xc9, // dec ecx
    0x75, 0xf9, // jnz .-5
    0xe8, 0x02, 0x00, 0x00, 0x00, // call .+7
    0x0f, 0x05, // syscall
    0x48, 0x8d, 0x44, 0x00, 0x01, // lea rax, [rax + rax + 1]
    0xc3, // ret
];

/// Guest code and stack.
#[repr(C, align(4096))]
struct Guest {
    code: [u8; 4096],
    stack: [u64; 512],
}

impl Guest {
    fn new(n: u8) -> Box<Guest> {
        let mut g = Box::new(Guest {
            code: [0; 4096],
            stack: [0; 512],
        });
        g.code[..PROGRAM.len()].copy_from_slice(PROGRAM);
        g.code[4..8].copy_from_slice(&[n, 0, 0, 0]);
        g
    }

    fn start(&self) -> GuestAddr {
        GuestAddr(self.code.as_ptr() as u64)
    }

    fn run(&self, engine: &mut dyn Engine) -> u64 {
        let mut cpu = CpuState {
            rip: self.start().0,
            ..CpuState::default()
        };
        cpu.set_reg(Gpr::RSP, &raw const self.stack[500] as u64);
        assert_eq!(engine.run(&mut cpu), Exit::Syscall);
        let next = self.start().0 + 22;
        assert_eq!((cpu.rip, cpu.reg(Gpr::RCX)), (next, next));
        cpu.reg(Gpr::RAX)
    }
}

fn expected(n: u8) -> u64 {
    u64::from(n) * (u64::from(n) + 1) + 1
}

#[test]
fn changed_code_is_translated_anew() {
    let Ok(mut engine) = JitEngine::new(Arc::new(PlainMemory), probe()) else {
        return;
    };
    let _ = sys::fault::install();
    let mut guest = Guest::new(100);
    for n in [100, 7, 255] {
        guest.code[4] = n;
        engine.invalidate(guest.start(), 64);
        for _ in 0..3 {
            assert_eq!(guest.run(&mut engine), expected(n));
        }
    }
    // Until its loop is translated, which `Tiers::early` puts off.
    for _ in 0..200 {
        guest.run(&mut engine);
    }
    let before = engine.shared.stats.lock().unwrap().regions;
    assert_ne!(before, 0);
    guest.run(&mut engine);
    assert_eq!(
        engine.shared.stats.lock().unwrap().regions,
        before,
        "translated twice"
    );
}

#[test]
fn a_second_thread_makes_code_keep_the_order_of_memory() {
    let Ok(mut engine) = JitEngine::new(Arc::new(PlainMemory), HostIsa::GC) else {
        return;
    };
    let _ = sys::fault::install();
    let guest = Guest::new(10);
    assert_eq!(guest.run(&mut engine), expected(10));
    assert!(engine.shared.lowered_for().has(crate::rv64::Feature::Ztso));
    let _second = engine.for_thread().unwrap();
    assert!(!engine.shared.lowered_for().has(crate::rv64::Feature::Ztso));
    assert_eq!(
        engine.shared.cache().used(),
        0,
        "code without fences is left"
    );
    assert_eq!(guest.run(&mut engine), expected(10));
}

#[test]
fn threads_share_and_withdraw_translations() {
    let Ok(engine) = JitEngine::new(Arc::new(PlainMemory), probe()) else {
        return;
    };
    let _ = sys::fault::install();
    std::thread::scope(|scope| {
        for n in [10, 20, 30] {
            let mut engine = engine.for_thread().unwrap();
            scope.spawn(move || {
                let guest = Guest::new(n);
                for i in 0..300 {
                    assert_eq!(guest.run(&mut *engine), expected(n));
                    if i % 7 == 0 {
                        // Everybody's code.
                        engine.invalidate(GuestAddr(0), u64::MAX);
                    }
                }
            });
        }
    });
}

#[test]
fn what_a_batch_places_is_known_one_at_a_time_and_its_pages_are_its_own() {
    use cache::{CODE_PAGE, TURN};
    let (memory, mut cache) = (Executable::new(CODE_BYTES).unwrap(), Cache::new());
    let t = Runner::new(HostIsa::GC).lower(&region(vec![block(Vec::new())]));
    let place = |cache: &mut Cache| cache.place(&memory, Box::new(t.clone())).unwrap();
    cache.begin_batch();
    let placed: Vec<Placed> = (0..3).map(|_| place(&mut cache)).collect();
    assert_eq!(cache.entry(START.0, FpMode::Usual), None);
    let mut last = None;
    for p in placed {
        cache.forget();
        assert_eq!(cache.entry(START.0, FpMode::Usual), None);
        let id = cache.install_placed(&memory, p);
        let start = cache.start(id);
        assert_eq!(cache.entry(START.0, FpMode::Usual), Some(start));
        assert!(Some(start) > last.replace(start));
        let point = start + t.points[0].offset as usize;
        assert!(matches!(cache.at(point), Some(At::Point(..))));
    }
    // Until there is much code; then pages come again.
    let mut pages = Vec::new();
    while pages.len() < 2 || pages.last() > pages.first() {
        cache.begin_batch();
        let placed = place(&mut cache);
        let id = cache.install_placed(&memory, placed);
        pages.push(cache.start(id));
        assert_eq!(cache.start(id) % CODE_PAGE, 0);
        assert!(pages.len() <= TURN / CODE_PAGE);
    }
    assert!(pages.len() > TURN / CODE_PAGE / 2);
    assert!(pages[..pages.len() - 1].is_sorted_by(|a, b| a < b));
}

#[test]
#[should_panic(expected = "a batch that is over")]
fn what_was_placed_in_an_earlier_batch_is_not_run() {
    let (memory, mut cache) = (Executable::new(CODE_BYTES).unwrap(), Cache::new());
    let t = Runner::new(HostIsa::GC).lower(&region(vec![block(Vec::new())]));
    let placed = cache.place(&memory, Box::new(t)).unwrap();
    cache.begin_batch();
    cache.install_placed(&memory, placed);
}

#[test]
fn an_exit_goes_to_the_newest_code_for_its_target_however_far() {
    let mut runner = Runner::new(HostIsa::GC);
    let from = runner.lower(&region(vec![Block {
        term: Term::Jump(Target::Exit(END)),
        ..block(Vec::new())
    }]));
    let to = |next| {
        runner.lower(&region(vec![Block {
            addr: END,
            term: Term::Syscall { next },
            ..block(Vec::new())
        }]))
    };
    let nexts = [7, 8, 9].map(GuestAddr);
    let targets = nexts.map(to);
    // Farther than `jal` reaches.
    let far = Translation {
        code: vec![0; 3 << 20],
        entries: Vec::new(),
        exits: Vec::new(),
        ..from.clone()
    };
    let alone = (
        Executable::new(CODE_BYTES).unwrap(),
        Mutex::new(Cache::new()),
    );
    let shared = runner.0.as_ref().map(|e| Arc::clone(&e.shared));
    let (memory, cache) = match &shared {
        Some(s) => (&s.code, &s.cache),
        None => (&alone.0, &alone.1),
    };
    let cache = || cache.lock().unwrap();
    let install = |t: &Translation| cache().install(memory, Box::new(t.clone())).unwrap();
    let first = install(&from);
    let owner = cache::Owner::Region(first);
    let start = cache().start(first);
    for (next, target) in nexts.iter().zip(&targets) {
        install(&far);
        let id = install(target);
        let at = cache().start(id);
        assert_eq!(cache().entry(END.0, FpMode::Usual), Some(at));
        // Made when it is asked for, and kept up to date.
        if *next == nexts[0] {
            cache().link(memory, owner, 0, at);
        }
        assert_eq!(cache().leads(memory, owner, 0), Some(at));
        if let Some(engine) = &mut runner.0 {
            let mut cpu = CpuState::default();
            engine.prepare(&mut cpu);
            let left = engine.enter(&mut cpu, start);
            assert!(matches!(left, Left::Stopped(Outcome::Syscall)));
            assert_eq!(cpu.rip, next.0);
        }
    }
}
