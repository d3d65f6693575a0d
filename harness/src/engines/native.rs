//! The PC's own CPU, in a guarded child process.
//!
//! Guest code can write to all memory of the process it runs in, the harness's part of it included. So
//! the child runs none itself: each batch has a process of its own, forked from the child, which ends with
//! it. What a case damages is gone with its batch; `Arena` asks again, alone, where an answer matters.

use super::Runner;
use crate::sys;
use anyhow::{Context, Result};
use felix::replay::worker::{read_frame, write_frame};
use felix::replay::{After, CODE, CODE_LEN, Case, DATA, DATA_LEN, Hex64, HexBytes, Image, Machine};
use felix::replay::{Registers, changes, make_patterns};
use felix::sys::guest;
use felix::x86::cpuid::{self, Feature};
use felix::x86::{CpuState, GuestAddr};
use iced_x86::{Code, CpuidFeature, Decoder, DecoderOptions};
use std::cell::OnceCell;
use std::io::{Read, Write};

/// Cases sent to the child at a time: every time the two wait for each other.
const WINDOW: usize = 128;

/// See the module's head. The child is started anew if a case kills it.
#[derive(Default)]
pub struct Native {
    child: Option<sys::Child>,
    /// The encodings that this CPU lacks, by iced's number.
    lacks: OnceCell<Vec<bool>>,
}

/// Which encodings need a feature that the CPU says it lacks (SDM vol. 2, CPUID), of those that felix has.
fn lacking(cpuid: impl Fn(u32, u32) -> [u32; 4]) -> Vec<bool> {
    let there = |f: &Feature| {
        let highest = cpuid(f.leaf & 0x8000_0000, 0)[0];
        highest >= f.leaf && cpuid(f.leaf, f.subleaf)[f.reg as usize] >> f.bit & 1 != 0
    };
    let missing: Vec<CpuidFeature> = (cpuid::FEATURES.iter())
        .filter(|f| !there(f))
        .flat_map(|f| f.iced)
        .copied()
        .collect();
    Code::values()
        .map(|c| c.cpuid_features().iter().any(|f| missing.contains(f)))
        .collect()
}

impl Runner for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        let mut out = vec![None; cases.len()];
        let known: Vec<usize> = (0..cases.len())
            .filter(|n| self.knows(&cases[*n]))
            .collect();
        for numbers in known.chunks(WINDOW) {
            let batch: Vec<&Case> = numbers.iter().map(|n| &cases[*n]).collect();
            match self.exchange(&batch) {
                Ok(results) => {
                    for (n, r) in numbers.iter().zip(results) {
                        out[*n] = Some(r);
                    }
                }
                Err(_) => {
                    // Something killed the child: find out which case, and go on without it.
                    for n in numbers {
                        out[*n] = self.exchange(&[&cases[*n]]).ok().and_then(|mut v| v.pop());
                    }
                }
            }
        }
        Ok(out)
    }
}

impl Native {
    /// True if the CPU has all the case's instructions.
    fn knows(&self, case: &Case) -> bool {
        let lacks = self.lacks.get_or_init(|| lacking(sys::cpuid));
        let options = DecoderOptions::NONE;
        let mut insns = Decoder::with_ip(64, &case.code.0, case.before.rip.0, options);
        insns.iter().all(|i| !lacks[i.code() as usize])
    }

    fn exchange(&mut self, cases: &[&Case]) -> Result<Vec<After>> {
        if self.child.is_none() {
            self.child = Some(sys::spawn(child)?);
        }
        let child = self.child.as_mut().context("just started")?;
        let mut frame = Vec::new();
        write_frame(&mut frame, cases)?;
        // The child reads all of it before it answers.
        let result = child
            .input
            .write_all(&frame)
            .and_then(|()| read_frame::<Vec<After>>(&mut child.output))
            .map_err(anyhow::Error::from)
            .and_then(|answers| answers.context("the child ended"));
        if result.is_err() {
            self.child = None;
        }
        result
    }
}

fn child(r: &mut dyn Read, w: &mut dyn Write) {
    sys::unmap_windows();
    let Ok(_machine) = Machine::new() else { return };
    if sys::make_code_executable().is_err() || sys::prepare().is_err() {
        return;
    }
    make_patterns();
    let mut memory = Memory::default();
    let at = CODE + 8;
    let Some(after) = memory.run(&int1(at)) else {
        return;
    };
    let int1_at_itself = after.stop.vector == 1 && after.registers.rip.0 == at;
    while let Ok(Some(cases)) = read_frame::<Vec<Case>>(r) {
        let batch = || {
            let mut memory = Memory {
                int1_at_itself,
                ..Memory::default()
            };
            let answers = cases
                .iter()
                .map(|c| memory.run(c))
                .collect::<Option<Vec<After>>>();
            answers.is_some_and(|a| write_frame(w, &a).is_ok() && w.flush().is_ok())
        };
        if !sys::apart(batch).is_ok_and(|good| good) {
            return;
        }
    }
}

/// INT1.
const INT1: u8 = 0xf1;

/// INT1 alone.
fn int1(at: u64) -> Case {
    let cpu = CpuState {
        rip: at,
        ..CpuState::default()
    };
    Case {
        about: String::new(),
        listing: Vec::new(),
        code: HexBytes(vec![INT1]),
        before: Registers::of(&cpu),
        memory: 1,
        patches: Vec::new(),
        undefined_flags: Hex64(0),
        after: None,
    }
}

/// What cases in the child begin with, and what is read back.
#[derive(Default)]
struct Memory {
    /// RIP after INT1's #DB is INT1's own. It is a trap (SDM vol. 2, INT1) with the next RIP, but under a
    /// hypervisor that intercepts it, AMD CPUs are seen to give its own.
    int1_at_itself: bool,
    image: Image,
    data: Vec<u8>,
    code: Vec<u8>,
}

impl Memory {
    /// Runs one case; `None` if the windows are gone.
    fn run(&mut self, case: &Case) -> Option<After> {
        self.image.set(case);
        let (data, image) = (self.image.data(), self.image.code());
        guest::write_bytes(GuestAddr(DATA), data).ok()?;
        guest::write_bytes(GuestAddr(CODE), image).ok()?;
        let (stop, mut registers) = sys::run(&case.before);
        self.data.resize(DATA_LEN, 0);
        guest::read_bytes(GuestAddr(DATA), &mut self.data).ok()?;
        self.code.resize(CODE_LEN, 0);
        guest::read_bytes(GuestAddr(CODE), &mut self.code).ok()?;
        let at = usize::try_from(registers.rip.0.wrapping_sub(CODE)).unwrap_or(usize::MAX);
        if self.int1_at_itself && stop.vector == 1 && self.code.get(at) == Some(&INT1) {
            registers.rip.0 += 1;
        }
        Some(After {
            stop,
            registers,
            memory: changes((image, &self.code), (data, &self.data)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn case(code: &[u8], rdi: u64) -> Case {
        let mut cpu = CpuState {
            rip: CODE,
            ..CpuState::default()
        };
        cpu.gpr[7] = rdi;
        cpu.ymm = [[1, 2, 3, 4]; 16];
        Case {
            about: String::new(),
            listing: Vec::new(),
            code: HexBytes(code.to_vec()),
            before: Registers::of(&cpu),
            memory: 1,
            patches: Vec::new(),
            undefined_flags: Hex64(0),
            after: None,
        }
    }

    #[test]
    fn what_the_cpu_lacks_is_not_asked() {
        let old = lacking(|leaf, _| [if leaf == 7 { 0 } else { u32::MAX }; 4]);
        for (code, lacks) in [
            (Code::Gf2p8mulb_xmm_xmmm128, true),
            (Code::VEX_Vgf2p8mulb_xmm_xmm_xmmm128, true),
            (Code::Add_r64_rm64, false),
        ] {
            assert_eq!(old[code as usize], lacks, "{code:?}");
        }
        let all = lacking(|_, _| [u32::MAX; 4]);
        assert!(all.iter().all(|l| !l));
        // gf2p8mulb xmm0,xmm1; int3
        let native = Native {
            child: None,
            lacks: OnceCell::from(old),
        };
        assert!(!native.knows(&case(&[0x66, 0x0f, 0x38, 0xcf, 0xc1, 0xcc], 0)));
        assert!(native.knows(&case(&[0x90, 0xcc], 0)));
    }

    #[test]
    fn int1_traps_behind_itself() {
        let answers = Native::default().run(&[int1(CODE + 8)]).unwrap();
        let after = answers[0].clone().unwrap();
        assert_eq!((after.stop.vector, after.registers.rip.0), (1, CODE + 9));
    }

    #[test]
    fn what_a_case_does_to_the_process_is_gone_with_its_batch() {
        if !is_x86_feature_detected!("avx") {
            eprintln!("this CPU has no AVX: the test has nothing to damage");
            return;
        }
        // vxorps ymm0,ymm1,ymm1; int3
        let clears = case(&[0xc5, 0xf4, 0x57, 0xc1, 0xcc], 0);
        // mov qword ptr [rdi],0; int3
        let damages = case(&[0x48, 0xc7, 0x07, 0, 0, 0, 0, 0xcc], sys::own_memory());
        let mut native = Native::default();
        let mut upper = |cases: &[Case]| {
            let answers = native.run(cases).unwrap();
            let last = answers.last().cloned().flatten().unwrap();
            last.registers.ymm_upper[0]
        };
        let zeros = [Hex64(0); 2];
        assert_eq!(upper(std::slice::from_ref(&clears)), zeros);
        let both = [damages, clears.clone()];
        assert_ne!(upper(&both), zeros, "the store hit nothing");
        assert_eq!(upper(&[clears]), zeros);
    }
}
