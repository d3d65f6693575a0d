//! Operations on V128 and F values, alone: translated code against the portable engine, on hosts with and
//! without V, in both floating-point modes.
//!
//! Here are those whose every variant no encoding of `sse_tests` reaches. On hosts that cannot run translated
//! code, everything is lowered at least.

use super::super::PlainMemory;
use super::*;
use crate::interp::Program;
use crate::ir::{Block, BlockId, CvtKind, Inst, Op, Region, Target, Term, Ty, Value, Var};
use crate::lower::lower;
use crate::x86::Width;

const START: GuestAddr = GuestAddr(0x40_0000);

/// An operation with its variants: `aux` and `imm`.
struct Case {
    op: Op,
    widths: &'static [Width],
    aux: std::ops::Range<u16>,
    imm: &'static [u64],
}

const FLOATS: &[Width] = &[Width::W32, Width::W64];

fn cases() -> Vec<Case> {
    let case = |op, widths, aux, imm| Case {
        op,
        widths,
        aux,
        imm,
    };
    let conversions = CvtKind::F16F32 as u16..u16::try_from(CvtKind::ALL.len()).unwrap();
    vec![
        case(Op::FFma, FLOATS, 0..4, &[0]),
        case(Op::VFFma, FLOATS, 0..8, &[0]),
        case(Op::FCmp, FLOATS, 0..32, &[0]),
        case(Op::VFCmp, FLOATS, 0..32, &[0]),
        case(Op::VCvt, &[Width::W32], conversions, &[0]),
        case(Op::VShlV, &Width::ALL, 0..1, &[0]),
        case(Op::VShrV, &Width::ALL, 0..1, &[0]),
        case(Op::VSarV, &Width::ALL, 0..1, &[0]),
        case(Op::VPerm, &[Width::W8], 0..1, &[0]),
        case(Op::VLanes, &Width::ALL, 0..1, &[0]),
        case(Op::VLanes2, &Width::ALL, 0..1, &[0]),
        case(Op::VRotr, &Width::ALL, 0..1, &[0, 1, 5, 7, 15, 33, 63]),
        case(Op::VClMul, &[Width::W64], 0..1, &[0, 1, 16, 17]),
        case(Op::VSha256Rounds, &[Width::W32], 0..1, &[0]),
        case(Op::VSha256Msg2, &[Width::W32], 0..1, &[0]),
        case(Op::VGfMul, &[Width::W8], 0..1, &[0]),
        case(Op::VGfAffine, &[Width::W8], 0..1, &[0, 0x163, 0x1a]),
    ]
}

/// Random numbers from a fixed seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A lane that is an edge as an integer, as a shift count or as a float.
    fn lane(&mut self, w: Width) -> u64 {
        let any = self.next();
        let exponent = match w {
            Width::W16 => 10,
            Width::W32 => 23,
            _ => 52,
        };
        let (sign, infinity) = (1 << (w.bits() - 1), (w.mask() >> 1) >> exponent << exponent);
        let x = match any >> 60 {
            0 => any & sign,
            1 => infinity | any & sign,
            2 => infinity | any & sign | 1 << (exponent - 1) | any & 7,
            3 => infinity | any & sign | (1 + (any & 7)),
            4 => any & sign | any >> 32 & 7,
            5..8 => any >> 32 & 0x7f,
            // About 1, so that sums cancel.
            8..12 => ((infinity >> 1) + (any & (3 << (exponent - 1)))) | any & sign | any >> 8 & 3,
            _ => any,
        };
        w.zext(x)
    }

    fn vector(&mut self, w: Width) -> u128 {
        (0..16 / w.bytes()).fold(0, |v, n| {
            v | u128::from(self.lane(w)) << (n * u64::from(w.bits()))
        })
    }

    fn state(&mut self, w: Width, mode: FpMode) -> CpuState {
        let mut cpu = CpuState {
            rip: START.0,
            ..CpuState::default()
        };
        // Halves and words of the other sizes too.
        for n in 0..4 {
            let w = match self.next() & 3 {
                0 => Width::W16,
                _ => w,
            };
            let w = if w == Width::W8 { Width::W16 } else { w };
            cpu.set_xmm(n, self.vector(w));
        }
        let any = u32::try_from(self.next() >> 32).unwrap();
        let usual = 0x1f80 | any & 0x603f;
        cpu.mxcsr = match mode {
            FpMode::Usual => usual,
            FpMode::Exact => (usual | 1 << 6 | any & 0x8000) & !(any >> 16 & any & 0x1f80),
        };
        cpu
    }
}

/// The operation on XMM0, XMM1 and XMM2, as F values if it wants these; its result in XMM3 or RBX.
fn region(op: Op, w: Width, aux: u16, imm: u64) -> Region {
    let mut insts: Vec<Inst> = Vec::new();
    let mut push = |op: Op, w: Width, args: &[Value], imm: u64, aux: u16| {
        let mut inst = Inst::new(op, w);
        inst.args[..args.len()].copy_from_slice(args);
        inst.imm = imm;
        inst.aux = aux;
        insts.push(inst);
        Value(u32::try_from(insts.len() - 1).unwrap())
    };
    push(Op::Insn, Width::W64, &[], START.0, 4);
    let args: Vec<Value> = op
        .arg_types()
        .zip(0..)
        .map(|(ty, n)| {
            let v = push(Op::Get, Width::W64, &[], Var::Xmm(n).encode(), 0);
            if ty == Ty::F {
                push(Op::FGet, w, &[v], 0, 0)
            } else {
                v
            }
        })
        .collect();
    let mut r = push(op, w, &args, imm, aux);
    let mut var = Var::Xmm(3);
    match op.result() {
        Ty::F => {
            r = push(Op::FBits, w, &[r], 0, 0);
            r = push(Op::VFromI, w, &[r], 0, 0);
        }
        Ty::I64 => var = Var::Gpr(crate::x86::Gpr::RBX),
        _ => {}
    }
    push(Op::Set, Width::W64, &[r], var.encode(), 0);
    let region = Region {
        blocks: vec![Block {
            addr: START,
            entry: true,
            insts,
            term: Term::Jump(Target::Exit(GuestAddr(START.0 + 4))),
        }],
        pool: Vec::new(),
        source: vec![(START, 4)],
        guest_insns: 1,
    };
    crate::ir::verify(&region).unwrap_or_else(|e| panic!("{e}\n{region}"));
    region
}

/// The feature sets to lower for: what the host has, and less.
fn isas() -> Vec<HostIsa> {
    let host = probe();
    let mut all: Vec<HostIsa> = [
        "gc",
        "gc,zba,zbb,zbs,zfhmin",
        "gc,v128",
        "gc,zba,zbb,zbs,zvfhmin,v256",
        "gc,zbc",
        "gc,zbc,v128",
        "gc,zba,zbb,zbs,zbc,zvbb,zvbc,zvkned,zvknha,v256",
    ]
    .iter()
    .map(|s| s.parse().unwrap())
    .filter(|isa: &HostIsa| cfg!(not(target_arch = "riscv64")) || isa.runs_on(host))
    .collect();
    all.push(host);
    all.dedup();
    all
}

#[test]
fn operations_give_what_the_portable_engine_gives() {
    let _ = sys::fault::install();
    let mut random = Random(0x0bad_5eed);
    for isa in isas() {
        let mut engine = JitEngine::new(Arc::new(PlainMemory), isa).ok();
        assert_eq!(engine.is_some(), cfg!(target_arch = "riscv64"));
        for case in cases() {
            for w in case.widths.iter().copied() {
                for (aux, imm) in case
                    .aux
                    .clone()
                    .flat_map(|a| case.imm.iter().map(move |i| (a, *i)))
                {
                    for mode in [FpMode::Usual, FpMode::Exact] {
                        let r = region(case.op, w, aux, imm);
                        let t = lower(&r, isa, mode).unwrap();
                        let Some(engine) = &mut engine else { continue };
                        assert!(engine.install(t));
                        check(engine, r, mode, &mut random, w);
                    }
                }
            }
        }
    }
}

fn check(engine: &mut JitEngine, r: Region, mode: FpMode, random: &mut Random, w: Width) {
    let text = r.to_string();
    let mut program = Program::new(r);
    for _ in 0..150 {
        let before = random.state(w, mode);
        assert_eq!(FpMode::of(before.mxcsr), mode);
        let (mut expected, mut got) = (before.clone(), before.clone());
        let outcome = program.run(&mut expected, BlockId(0));
        // None if it went on outside.
        let left = engine.execute(&mut got);
        assert_eq!(left, exit(outcome), "{text}");
        let xmm = |cpu: &CpuState| [0, 1, 2, 3].map(|n| cpu.xmm(n));
        assert_eq!(
            xmm(&got),
            xmm(&expected),
            "{:x?} mxcsr {:#x} {}\n{text}",
            xmm(&before),
            before.mxcsr,
            engine.shared.isa
        );
        assert_eq!(got.gpr, expected.gpr, "{:x?}\n{text}", xmm(&before));
        assert_eq!(got.rip, expected.rip);
        let unseen = match mode {
            FpMode::Usual => crate::helper::float::flag::DE,
            FpMode::Exact => 0,
        };
        assert_eq!(
            got.mxcsr | unseen,
            expected.mxcsr | unseen,
            "{:x?} mxcsr {:#x}\n{text}",
            xmm(&before),
            before.mxcsr
        );
    }
}
