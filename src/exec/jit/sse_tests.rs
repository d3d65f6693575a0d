//! Every SSE to SSE4.2, AES and SHA encoding, alone and in sequences: translated code against the portable engine.
//!
//! On hosts that cannot run translated code, everything is translated at least.

use super::*;
use crate::exec::interp::InterpEngine;
use crate::lift::Family;
use crate::lift::region::decode;
use crate::sys::guest;
use iced_x86::{Instruction, Mnemonic, OpAccess, OpKind, Register};

/// Random numbers from a fixed seed (xorshift64*).
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

    /// 64 bits that are edges as integers, as f32 or as f64.
    fn word(&mut self) -> u64 {
        let any = self.next();
        match self.below(10) {
            0 => 0,
            1 => u64::MAX,
            2 => any & 0x8080_8080_8080_8080,
            3 => 0x8000_7fff_8000_0001,
            4 => any % 70,
            // Singles and doubles about 1 and 2^31.
            5 => (126 + any % 40) << 23 | any >> 41 | 0x3f80_0000 << 32,
            6 => (1000 + any % 80) << 52 | any >> 12,
            // NaNs, infinities and denormals.
            7 => 0x7f80_0000_7fc0_0001 ^ (any & 0x8000_0001_8000_0001),
            8 => 0x7ff0_0000_0000_0000 | any & 1 << 63 | any & 1 << 51 | any & 1,
            _ => any,
        }
    }
}

/// The opcode maps.
const ESCAPES: [&[u8]; 3] = [&[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];

/// The encodings: registers and [rcx], every opcode.
fn encodings() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let prefixes: [&[u8]; 4] = [&[], &[0x66], &[0xf3], &[0xf2]];
    for prefix in prefixes {
        for rex in [&[][..], &[0x48], &[0x44]] {
            for opcode in 0..=255u8 {
                for modrm in [
                    0x01, 0x09, 0x11, 0x19, 0x21, 0x31, 0xc8, 0xd1, 0xda, 0xe1, 0xf3, 0xfa,
                ] {
                    let imms = [0x1b, 0x05].into_iter();
                    for (escape, imm) in imms.flat_map(|i| ESCAPES.map(|e| (e, i))) {
                        let bytes = [prefix, rex, escape, &[opcode, modrm, imm]].concat();
                        let memory = Code(&bytes);
                        let Ok(insn) = decode(&memory, GuestAddr(0)) else {
                            continue;
                        };
                        if wanted(&insn) {
                            all.push(bytes[..insn.len()].to_vec());
                        }
                    }
                }
            }
        }
    }
    all.dedup();
    all
}

fn wanted(insn: &Instruction) -> bool {
    let Some(row) = lift::row_for(insn.mnemonic()) else {
        return false;
    };
    use Family::{Aes, Sha, Sse, Sse2, Sse3, Sse41, Sse42, Ssse3};
    let ours = matches!(
        row.family,
        Sse | Sse2 | Sse3 | Ssse3 | Sse41 | Sse42 | Aes | Sha
    ) && lift::supported(insn.code());
    // DE, which inline code does not set, would be seen by what stores MXCSR.
    let shows = matches!(
        insn.mnemonic(),
        Mnemonic::Stmxcsr
            | Mnemonic::Fxsave
            | Mnemonic::Fxsave64
            | Mnemonic::Fxrstor
            | Mnemonic::Fxrstor64
    );
    let mut info = iced_x86::InstructionInfoFactory::new();
    let loses_rcx = info.info(insn).used_registers().iter().any(|u| {
        let writes = !matches!(
            u.access(),
            OpAccess::Read | OpAccess::CondRead | OpAccess::None
        );
        writes && matches!(u.register().full_register(), Register::RCX | Register::RSP)
    });
    let elsewhere = (0..insn.op_count()).any(|n| {
        insn.op_kind(n) != OpKind::Register
            && insn.op_kind(n) != OpKind::Immediate8
            && insn.memory_base() != Register::RCX
    });
    ours && !shows && !loses_rcx && !elsewhere && !insn.is_string_instruction()
}

/// Code at address 0 on.
struct Code<'a>(&'a [u8]);

impl lift::Fetch for Code<'_> {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, crate::x86::MemFault> {
        let at = usize::try_from(addr.0).unwrap();
        let rest = &self.0[at..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// What [rcx] is in. Guest memory: Rust looks at it as the guest does, by its address only.
const DATA: usize = 256;

fn read(at: GuestAddr) -> [u8; DATA] {
    let mut bytes = [0; DATA];
    guest::read_bytes(at, &mut bytes).unwrap();
    bytes
}

fn state(random: &mut Random, rip: u64, rcx: u64) -> CpuState {
    let mut cpu = CpuState {
        rip,
        ..CpuState::default()
    };
    for n in 0..16 {
        cpu.set_xmm(
            n,
            u128::from(random.word()) << 64 | u128::from(random.word()),
        );
    }
    for g in &mut cpu.gpr {
        *g = random.word();
    }
    cpu.gpr[1] = rcx;
    let control = u32::try_from(random.next() & 0xe07f).unwrap();
    cpu.mxcsr = match random.below(5) {
        0 | 1 => 0x1f80,
        2 => 0x1fa0,
        3 => 0x1f80 | control & 0x603f,
        _ => (0x1f80 | control) & !u32::try_from(random.next() & 0x1f80).unwrap(),
    };
    cpu
}

fn check(engine: &mut JitEngine, cpu: &CpuState, data: GuestAddr, what: &[u8]) {
    let before = read(data);
    let mode = FpMode::of(cpu.mxcsr);
    let mut expected = cpu.clone();
    let exit = InterpEngine::new(Arc::new(super::super::PlainMemory)).run(&mut expected);
    let stored = read(data);
    guest::write_bytes(data, &before).unwrap();
    let mut got = cpu.clone();
    assert_eq!(engine.run(&mut got), exit, "{what:02x?}");
    assert_eq!(got.gpr, expected.gpr, "{what:02x?}");
    for n in 0..16 {
        let (got, expected) = (got.xmm(n), expected.xmm(n));
        assert_eq!(
            got, expected,
            "xmm{n}: {got:#x} {expected:#x} after {what:02x?}: {exit:?}, {mode:?}"
        );
    }
    assert_eq!(got.rflags(), expected.rflags(), "{what:02x?}");
    assert_eq!(got.rip, expected.rip, "{what:02x?}");
    let unseen = if mode == FpMode::Usual {
        crate::helper::float::flag::DE
    } else {
        0
    };
    assert_eq!(
        got.mxcsr | unseen,
        expected.mxcsr | unseen,
        "{what:02x?} from {:#x}",
        cpu.mxcsr
    );
    assert_eq!(read(data), stored, "{what:02x?}");
}

fn isas() -> Vec<HostIsa> {
    let host = probe();
    let mut all: Vec<HostIsa> = ["gc", "gc,zba,zbb,zbs", "gc,v128", "gc,zba,zbb,zbs,v256"]
        .iter()
        .map(|s| s.parse().unwrap())
        .filter(|isa: &HostIsa| cfg!(not(target_arch = "riscv64")) || isa.runs_on(host))
        .collect();
    all.push(host);
    all.dedup();
    all
}

/// Runs each piece of code once, on every set of features.
fn run_all(pieces: &[Vec<u8>], random: &mut Random) {
    let _ = sys::fault::install();
    let mut code = Vec::new();
    let mut starts = Vec::new();
    for piece in pieces {
        starts.push(code.len());
        code.extend_from_slice(piece);
        code.extend_from_slice(&[0x0f, 0x05]);
    }
    code.extend_from_slice(&[0x90; 16]);
    let mut room = vec![0u8; DATA + 64];
    let data = GuestAddr((room.as_mut_ptr() as u64).next_multiple_of(64));
    for isa in isas() {
        let memory = Arc::new(super::super::PlainMemory);
        let mut engine = JitEngine::new(memory, isa).ok();
        for (piece, start) in pieces.iter().zip(&starts) {
            let rip = code.as_ptr() as u64 + *start as u64;
            let Some(engine) = &mut engine else {
                for mode in [FpMode::Usual, FpMode::Exact] {
                    let memory = super::super::PlainMemory;
                    let t = JitEngine::translate(&memory, isa, mode, GuestAddr(rip)).unwrap();
                    assert!(t.is_some(), "{piece:02x?}");
                }
                continue;
            };
            for at in (0..DATA as u64).step_by(8) {
                guest::write_u64(GuestAddr(data.0 + at), random.word()).unwrap();
            }
            let misaligned = if random.below(8) == 0 { 8 } else { 0 };
            let rcx = data.0 + misaligned;
            let cpu = state(random, rip, rcx);
            check(engine, &cpu, data, piece);
        }
    }
}

#[test]
fn every_encoding_does_what_the_portable_engine_does() {
    let all = encodings();
    assert!(all.len() > 1000, "{}", all.len());
    run_all(&all, &mut Random(0x5eed));
}

#[test]
fn sequences_do_what_the_portable_engine_does() {
    let all = encodings();
    let mut random = Random(0xfe11);
    let pieces: Vec<Vec<u8>> = (0..400)
        .map(|_| {
            (0..2 + random.below(14))
                .flat_map(|_| all[random.below(all.len())].clone())
                .collect()
        })
        .collect();
    run_all(&pieces, &mut random);
}
