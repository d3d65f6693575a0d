//! Flag control, CPU identification, time stamps, random numbers, segment bases and what user mode must not
//! do (SDM vol. 1, 5.1.11, 5.1.13, 5.1.15, 5.20 and 5.21).

use super::cx::{Cx, Lifted, Place};
use crate::ir::{Helper, Op, Term, Value, Var};
use crate::x86::{Gpr, Rflags, Trap, Width};
use iced_x86::Mnemonic;

/// CLC, STC, CMC
pub fn carry(cx: &mut Cx<'_>) -> Lifted {
    let cf = match cx.insn.mnemonic() {
        Mnemonic::Clc => cx.konst(0),
        Mnemonic::Stc => cx.konst(1),
        _ => {
            let c = cx.carry();
            let one = cx.konst(1);
            cx.xor(Width::W64, c, one)
        }
    };
    let f = cx.raw_flags(cf);
    cx.set_some_flags(Rflags::CF, f);
    Ok(())
}

/// CLD, STD
pub fn direction(cx: &mut Cx<'_>) -> Lifted {
    let df = cx.konst(u64::from(cx.insn.mnemonic() == Mnemonic::Std));
    cx.set(Var::Df, df);
    Ok(())
}

const AH: Place = Place::Reg {
    reg: Gpr::RAX,
    lsb: 8,
    w: Width::W8,
};
const LOW_STATUS: u64 = Rflags::STATUS & 0xff;

/// LAHF: bit 1 reads as 1, bits 3 and 5 as 0.
pub fn lahf(cx: &mut Cx<'_>) -> Lifted {
    let f = cx.flags();
    let bits = cx.op_imm(Op::FlBits, Width::W64, &[f], LOW_STATUS, 0);
    let fixed = cx.konst(Rflags::FIXED);
    let v = cx.or(Width::W64, bits, fixed);
    cx.write_place(AH, v);
    Ok(())
}

/// SAHF: OF stays.
pub fn sahf(cx: &mut Cx<'_>) -> Lifted {
    let ah = cx.read_place(AH);
    let bits = cx.and_imm(Width::W64, ah, LOW_STATUS);
    let f = cx.raw_flags(bits);
    cx.set_some_flags(LOW_STATUS, f);
    Ok(())
}

fn call(cx: &mut Cx<'_>, helper: Helper) -> Value {
    cx.op_imm(Op::Call, Width::W64, &[], 0, helper as u16)
}

/// CPUID
pub fn cpuid(cx: &mut Cx<'_>) -> Lifted {
    call(cx, Helper::Cpuid);
    Ok(())
}

/// RDTSC, RDTSCP
pub fn rdtsc(cx: &mut Cx<'_>) -> Lifted {
    let t = call(cx, Helper::Rdtsc);
    let aux = (cx.insn.mnemonic() == Mnemonic::Rdtscp).then(|| call(cx, Helper::TscAux));
    let low = cx.op(Op::Zext, Width::W32, &[t]);
    let high = cx.shr_imm(Width::W64, t, 32);
    cx.set_gpr(Gpr::RAX, low);
    cx.set_gpr(Gpr::RDX, high);
    if let Some(aux) = aux {
        let aux = cx.op(Op::Zext, Width::W32, &[aux]);
        cx.set_gpr(Gpr::RCX, aux);
    }
    Ok(())
}

/// RDRAND, RDSEED: CF says that there is a number, as always; the other flags are 0.
pub fn random(cx: &mut Cx<'_>) -> Lifted {
    let v = call(cx, Helper::Random);
    cx.write(0, v)?;
    let cf = cx.konst(Rflags::CF);
    let f = cx.raw_flags(cf);
    cx.set_flags(f);
    Ok(())
}

/// RDPID: what RDTSCP gives in ECX.
pub fn rdpid(cx: &mut Cx<'_>) -> Lifted {
    let v = call(cx, Helper::TscAux);
    cx.write(0, v)
}

/// RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE: a base that is not canonical is #GP.
pub fn segment_base(cx: &mut Cx<'_>) -> Lifted {
    let (base, write) = match cx.insn.mnemonic() {
        Mnemonic::Rdfsbase => (Var::FsBase, false),
        Mnemonic::Rdgsbase => (Var::GsBase, false),
        Mnemonic::Wrfsbase => (Var::FsBase, true),
        _ => (Var::GsBase, true),
    };
    if !write {
        let v = cx.get(base);
        return cx.write(0, v);
    }
    let v = cx.read(0)?;
    cx.check_target(v);
    cx.set(base, v);
    Ok(())
}

/// Privileged instructions, port I/O and INT n without a gate: #GP at privilege level 3.
pub fn privileged(cx: &mut Cx<'_>) -> Lifted {
    let rip = cx.ip();
    cx.end(Term::Trap {
        trap: Trap::GeneralProtection,
        rip,
    });
    Ok(())
}
