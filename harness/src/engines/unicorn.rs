//! Unicorn (QEMU 5.0's x86 inside), in this process.
//!
//! It knows SSE2, x87 and the general-purpose instructions; its exceptions come through a hook. It runs
//! at privilege level 0 without descriptor tables, so it has no opinion on what depends on those, and
//! none on AVX and the upper halves of the YMM registers, which it has not.

use super::Runner;
use crate::generate::vex_vector;
use anyhow::{Result, anyhow};
use felix::lift::{Family, ROWS};
use felix::replay::{
    After, CODE, CODE_LEN, Case, DATA, DATA_LEN, ENDLESS, Hex64, Image, READ_ONLY, READ_ONLY_LEN,
    Registers, SYSCALL, Stop, changes,
};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};
use std::collections::HashSet;
use unicorn_engine::{
    Arch, Context, HookType, MemType, Mode, Permission, RegisterX86 as R, Unicorn as Uc,
    X86CpuModel, uc_error,
};

const GPRS: [R; 16] = [
    R::RAX,
    R::RCX,
    R::RDX,
    R::RBX,
    R::RSP,
    R::RBP,
    R::RSI,
    R::RDI,
    R::R8,
    R::R9,
    R::R10,
    R::R11,
    R::R12,
    R::R13,
    R::R14,
    R::R15,
];
const XMMS: [R; 16] = [
    R::XMM0,
    R::XMM1,
    R::XMM2,
    R::XMM3,
    R::XMM4,
    R::XMM5,
    R::XMM6,
    R::XMM7,
    R::XMM8,
    R::XMM9,
    R::XMM10,
    R::XMM11,
    R::XMM12,
    R::XMM13,
    R::XMM14,
    R::XMM15,
];

/// Instructions after which a case counts as endless; REP counts every round, of which the data window has
/// room for 16 Ki. A limit of time would start a thread for each case.
const LONGEST: usize = 300_000;

/// Families it does not know, takes for something else, or faults at.
const UNKNOWN: [Family; 4] = [Family::System, Family::Sha, Family::Gfni, Family::Xsave];

/// QEMU 5.0 indexes an array by the lengths of PCMPESTRI and its kin, whose magnitude it computes wrongly
/// for the most negative number: it ends with a segmentation fault.
const CRASHES: [Mnemonic; 4] = [
    Mnemonic::Pcmpestri,
    Mnemonic::Pcmpestri64,
    Mnemonic::Pcmpestrm,
    Mnemonic::Pcmpestrm64,
];

/// Other mnemonics it has no answer for: what needs Linux's descriptor tables, and shadow stacks' instructions,
/// which it takes for NOPs.
const UNKNOWN_TOO: &[Mnemonic] = &[
    Mnemonic::Int,
    Mnemonic::Retf,
    Mnemonic::Iret,
    Mnemonic::Iretd,
    Mnemonic::Iretq,
    Mnemonic::Lfs,
    Mnemonic::Lgs,
    Mnemonic::Lss,
    Mnemonic::Incsspd,
    Mnemonic::Incsspq,
    Mnemonic::Rstorssp,
    Mnemonic::Saveprevssp,
    Mnemonic::Setssbsy,
    Mnemonic::Clrssbsy,
];

/// What the hooks saw.
#[derive(Default)]
struct Seen {
    vector: Option<u16>,
    page: Option<(u64, bool)>,
}

/// See the module's head.
pub struct Unicorn {
    uc: Uc<'static, Seen>,
    /// The machine before any case. Exceptions leave traces in it (`old_exception`: the second one
    /// becomes #DF and the third a reset), as do x87 instructions.
    fresh: Context,
    /// Mnemonics it is not asked about: those of `UNKNOWN`, `UNKNOWN_TOO` and `CRASHES`.
    system: HashSet<Mnemonic>,
    image: Image,
    /// What is read back, kept for its memory.
    data: Vec<u8>,
    code: Vec<u8>,
}

/// Hooks see 48 bits of an address; what was not canonical cannot be told.
fn sign_extend(addr: u64) -> u64 {
    ((addr << 16).cast_signed() >> 16).cast_unsigned()
}

fn broken(e: uc_error) -> anyhow::Error {
    anyhow!("unicorn: {e:?}")
}

impl Unicorn {
    /// A machine with the memory of cases.
    ///
    /// # Errors
    /// If Unicorn cannot be set up.
    pub fn new() -> Result<Unicorn> {
        let mut uc =
            Uc::new_with_data(Arch::X86, Mode::MODE_64, Seen::default()).map_err(broken)?;
        // The CPU with the most extensions of those QEMU 5.0 executes.
        uc.ctl_set_cpu_model(X86CpuModel::UC_CPU_X86_EPYC_ROME as i32)
            .map_err(broken)?;
        uc.mem_map(CODE, CODE_LEN, Permission::ALL)
            .map_err(broken)?;
        uc.mem_map(DATA, DATA_LEN, Permission::READ | Permission::WRITE)
            .map_err(broken)?;
        uc.mem_map(READ_ONLY, READ_ONLY_LEN, Permission::READ)
            .map_err(broken)?;
        uc.add_intr_hook(|uc, vector| {
            uc.get_data_mut().vector = u16::try_from(vector).ok();
            let _ = uc.emu_stop();
        })
        .map_err(broken)?;
        // With a hook on every instruction RIP is exact at a fault (else it is the block's start), and
        // nothing after a bad access runs.
        uc.add_code_hook(1, 0, |_, _, _| ()).map_err(broken)?;
        uc.add_mem_hook(HookType::MEM_INVALID, 1, 0, |uc, kind, addr, _, _| {
            let write = matches!(kind, MemType::WRITE_UNMAPPED | MemType::WRITE_PROT);
            uc.get_data_mut().page = Some((addr, write));
            false
        })
        .map_err(broken)?;
        uc.add_insn_sys_hook(unicorn_engine::InsnSysX86::SYSCALL, 1, 0, |uc| {
            uc.get_data_mut().vector = Some(SYSCALL);
            let _ = uc.emu_stop();
        })
        .map_err(broken)?;
        // Floating point and SSE as an operating system enables them: CR0.MP and NE without EM and TS,
        // CR4.OSFXSR and OSXMMEXCPT (SDM vol. 3, 2.5).
        let cr0 = uc.reg_read(R::CR0).map_err(broken)?;
        uc.reg_write(R::CR0, cr0 & !0xc | 0x22).map_err(broken)?;
        let cr4 = uc.reg_read(R::CR4).map_err(broken)?;
        uc.reg_write(R::CR4, cr4 | 0x600).map_err(broken)?;
        // x87 as FNINIT leaves it; Unicorn begins with all zeros.
        uc.reg_write(R::FPCW, 0x37f).map_err(broken)?;
        uc.reg_write(R::FPSW, 0).map_err(broken)?;
        uc.reg_write(R::FPTAG, 0xffff).map_err(broken)?;
        let fresh = uc.context_init().map_err(broken)?;
        let system = ROWS
            .iter()
            .filter(|r| UNKNOWN.contains(&r.family))
            .map(|r| r.mnemonic)
            .chain(UNKNOWN_TOO.iter().copied())
            .chain(CRASHES)
            .collect();
        Ok(Unicorn {
            uc,
            fresh,
            system,
            image: Image::default(),
            data: Vec::new(),
            code: Vec::new(),
        })
    }

    fn one(&mut self, case: &Case) -> Result<Option<After>, uc_error> {
        let mut insns = Decoder::with_ip(64, &case.code.0, case.before.rip.0, DecoderOptions::NONE);
        // Of VEX instructions it knows those of the general-purpose registers.
        // Selectors are those of this PC's operating system.
        let selector = |i: &Instruction| (0..2).any(|n| i.op_register(n).is_segment_register());
        if insns
            .iter()
            .any(|i| self.system.contains(&i.mnemonic()) || selector(&i) || vex_vector(i.code()))
        {
            return Ok(None);
        }
        let uc = &mut self.uc;
        uc.context_restore(&self.fresh)?;
        *uc.get_data_mut() = Seen::default();
        self.image.set(case);
        let (data, image) = (self.image.data(), self.image.code());
        uc.mem_write(DATA, data)?;
        uc.mem_write(CODE, image)?;
        uc.ctl_remove_cache(CODE, CODE + CODE_LEN as u64)?;
        let b = &case.before;
        let values: Vec<u64> = b.gpr.iter().map(|h| h.0).collect();
        uc.reg_write_batch(&GPRS, &values, 16)?;
        for (r, v) in XMMS.iter().zip(&b.xmm) {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&v[0].0.to_le_bytes());
            bytes[8..].copy_from_slice(&v[1].0.to_le_bytes());
            uc.reg_write_long(*r, &bytes)?;
        }
        uc.reg_write(R::MXCSR, b.mxcsr.into())?;
        uc.reg_write(R::EFLAGS, b.rflags.0 | 0x202)?;
        uc.reg_write(R::FS_BASE, b.fs_gs[0].0)?;
        uc.reg_write(R::GS_BASE, b.fs_gs[1].0)?;
        let end = CODE + CODE_LEN as u64;
        let result = uc.emu_start(b.rip.0, end, 0, LONGEST);
        let rip = uc.reg_read(R::RIP)?;
        let seen = uc.get_data();
        let stop = match (seen.vector, seen.page, result) {
            (Some(vector), _, _) => {
                // The hook runs before RIP moves past INT3 and SYSCALL in some versions: what counts is
                // that both are traps.
                Stop {
                    vector,
                    addr: None,
                    write: false,
                }
            }
            (None, Some((addr, write)), _) => Stop {
                vector: 14,
                addr: Some(Hex64(sign_extend(addr))),
                write,
            },
            (None, None, Err(uc_error::INSN_INVALID)) => Stop {
                vector: 6,
                addr: None,
                write: false,
            },
            (None, None, Err(_)) => return Ok(None),
            (None, None, Ok(())) => Stop {
                vector: ENDLESS,
                addr: None,
                write: false,
            },
        };
        let gpr = uc.reg_read_batch(&GPRS, 16)?;
        let mut xmm = [[Hex64(0); 2]; 16];
        for (v, r) in xmm.iter_mut().zip(&XMMS) {
            let bytes = uc.reg_read_long(*r)?;
            let half = |i: usize| {
                let mut w = [0; 8];
                w.copy_from_slice(&bytes[i..i + 8]);
                Hex64(u64::from_le_bytes(w))
            };
            *v = [half(0), half(8)];
        }
        self.data.resize(DATA_LEN, 0);
        uc.mem_read(DATA, &mut self.data)?;
        self.code.resize(CODE_LEN, 0);
        uc.mem_read(CODE, &mut self.code)?;
        let registers = Registers {
            gpr: std::array::from_fn(|i| Hex64(gpr[i])),
            rip: Hex64(rip),
            rflags: Hex64(uc.reg_read(R::EFLAGS)?),
            xmm,
            // What it runs keeps them.
            ymm_upper: b.ymm_upper,
            mxcsr: u32::try_from(uc.reg_read(R::MXCSR)? & 0xffff).unwrap_or(0),
            fs_gs: [
                Hex64(uc.reg_read(R::FS_BASE)?),
                Hex64(uc.reg_read(R::GS_BASE)?),
            ],
        };
        Ok(Some(After {
            stop,
            registers,
            memory: changes((image, &self.code), (data, &self.data)),
        }))
    }
}

impl Runner for Unicorn {
    fn name(&self) -> &'static str {
        "unicorn"
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        cases.iter().map(|c| self.one(c).map_err(broken)).collect()
    }
}
