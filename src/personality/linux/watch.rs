//! The debug registers (SDM vol. 3, 18.2) of a thread that is traced, by single steps: while a breakpoint is on, every
//! instruction traps, and what it is about to access is looked at before it runs.
//!
//! Knows no tracer. What a system call writes is not seen, as by the CPU.

use crate::sys::guest;
use crate::x86::{CpuState, Gpr};
use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory, OpAccess, Register};

/// The breakpoints of DR7 that are on, locally or globally: bit n for DRn.
#[must_use]
pub(super) fn enabled(dr7: u64) -> u64 {
    (0..4)
        .filter(|n| dr7 >> (2 * n) & 3 != 0)
        .fold(0, |all, n| all | 1 << n)
}

/// Kind and length of breakpoint `n`: 0 is execution, 1 writing, 3 any access.
fn condition(dr7: u64, n: u64) -> (u64, u64) {
    let field = dr7 >> (16 + 4 * n);
    let len = match field >> 2 & 3 {
        0 => 1,
        1 => 2,
        2 => 8,
        _ => 4,
    };
    (field & 3, len)
}

/// The breakpoints that wait for an instruction at RIP.
#[must_use]
pub(super) fn at_rip(cpu: &CpuState, dr: &[u64; 8]) -> u64 {
    let hit =
        |n: &u64| condition(dr[7], *n).0 == 0 && dr[usize::try_from(*n).unwrap_or(0)] == cpu.rip;
    let on = enabled(dr[7]);
    (0..4)
        .filter(|n| on >> n & 1 != 0)
        .filter(hit)
        .fold(0, |all, n| all | 1 << n)
}

/// The breakpoints that the data accesses of the instruction at RIP meet.
#[must_use]
pub(super) fn by_data(cpu: &CpuState, dr: &[u64; 8]) -> u64 {
    let on = enabled(dr[7]);
    let mut bytes = [0; 15];
    // It may be the last of a page.
    let n = (1..=15)
        .rev()
        .find(|n| guest::read_bytes(cpu.pc(), &mut bytes[..*n]).is_ok());
    let Some(n) = n else {
        return 0;
    };
    let insn = Decoder::with_ip(64, &bytes[..n], cpu.rip, DecoderOptions::NONE).decode();
    let register = |r: Register, _: usize, _: usize| match r {
        Register::FS => Some(cpu.fs_base),
        Register::GS => Some(cpu.gs_base),
        Register::CS | Register::DS | Register::ES | Register::SS => Some(0),
        Register::RIP => Some(insn.next_ip()),
        r if r.is_gpr64() => Gpr::all().nth(r.number()).map(|r| cpu.reg(r)),
        r if r.is_gpr32() => Gpr::all().nth(r.number()).map(|r| cpu.reg(r) & 0xffff_ffff),
        _ => None,
    };
    let mut factory = InstructionInfoFactory::new();
    let mut hits = 0;
    for m in factory.info(&insn).used_memory() {
        let Some(start) = m.virtual_address(0, register) else {
            continue;
        };
        let end = start.saturating_add((m.memory_size().size() as u64).max(1));
        let writes = matches!(
            m.access(),
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        );
        let none = matches!(m.access(), OpAccess::None | OpAccess::NoMemAccess);
        for n in (0..4).filter(|n| on >> n & 1 != 0) {
            let (kind, len) = condition(dr[7], n);
            let at = dr[usize::try_from(n).unwrap_or(0)] & !(len - 1);
            let meets = start < at.saturating_add(len) && at < end;
            if meets && !none && (kind == 3 || kind == 1 && writes) {
                hits |= 1 << n;
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::host::address_of;

    #[test]
    fn accesses_meet_breakpoints_as_dr7_says() {
        crate::sys::fault::install().unwrap();
        // mov %rax,4(%rbx); mov 4(%rbx),%rax
        let code: [u8; 16] = [
            0x48, 0x89, 0x43, 4, 0x48, 0x8b, 0x43, 4, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let mut cpu = CpuState {
            rip: address_of(&code),
            ..CpuState::default()
        };
        cpu.set_reg(Gpr::RBX, 0x1000);
        // DR1: 4 bytes at 0x1008, written.
        let mut dr = [0, 0x1008, 0, 0, 0, 0, 0, 4 | 0xd << 20];
        assert_eq!((enabled(dr[7]), by_data(&cpu, &dr)), (2, 2));
        cpu.rip += 4;
        assert_eq!(by_data(&cpu, &dr), 0, "it only reads");
        dr[7] = 4 | 0xf << 20;
        assert_eq!(by_data(&cpu, &dr), 2);
        dr[1] = 0x100c;
        assert_eq!(by_data(&cpu, &dr), 0, "beside");
        dr = [cpu.rip, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!((at_rip(&cpu, &dr), by_data(&cpu, &dr)), (1, 0));
    }
}
