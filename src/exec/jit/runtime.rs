//! The Rust functions that translated code calls, by the thunks of `sys::jit`.
//!
//! Arguments, results and faults pass through the register file's scratch words (`lower::abi::slot`).
//! The meanings are those of the portable engine: the same evaluators are called.

use crate::helper::{self, float};
use crate::interp;
use crate::ir::{Helper, Op, RmwOp, eval};
use crate::lower::abi::{Desc, slot};
use crate::lower::{record_at, width};
use crate::x86::state::FAULT_PAGE;
use crate::x86::{Cond, CpuState, Fault, GuestAddr, MemFault, MemFaultKind, Trap};

/// Evaluates the operation `desc` describes; 1 if a fault is reported.
pub extern "C" fn evaluate(cpu: &mut CpuState, desc: &Desc) -> u64 {
    let [op, w, aux_low, aux_high, ..] = desc[0].to_le_bytes();
    let aux = u16::from_le_bytes([aux_low, aux_high]);
    let Some(op) = Op::ALL.get(usize::from(op)).copied() else {
        return 0;
    };
    match operation(cpu, op, width(w), aux, desc) {
        Ok(v) => {
            set_result(cpu, v);
            0
        }
        Err(fault) => report(cpu, fault),
    }
}

/// Runs the `ir::Helper` that `desc` names; 1 if a fault is reported.
pub extern "C" fn run_helper(cpu: &mut CpuState, desc: &Desc) -> u64 {
    let [_, _, low, high, ..] = desc[0].to_le_bytes();
    let Some(helper) = Helper::from_aux(u16::from_le_bytes([low, high])) else {
        return 0;
    };
    let args = [0, 1, 2].map(|i| argument(cpu, i));
    let stack = interp::through_ss(desc[2]) != 0;
    match helper::call(helper, cpu, args, stack) {
        Ok(v) => {
            set_result(cpu, v.into());
            0
        }
        Err(fault) => report(cpu, fault),
    }
}

fn argument(cpu: &CpuState, i: usize) -> u64 {
    cpu.scratch[slot::ARGS + 2 * i]
}

fn vector_argument(cpu: &CpuState, i: usize) -> u128 {
    u128::from(argument(cpu, i)) | u128::from(cpu.scratch[slot::ARGS + 2 * i + 1]) << 64
}

#[allow(clippy::cast_possible_truncation)] // The halves.
fn set_result(cpu: &mut CpuState, v: u128) {
    cpu.scratch[slot::RESULT] = v as u64;
    cpu.scratch[slot::RESULT + 1] = (v >> 64) as u64;
}

#[allow(clippy::cast_possible_truncation)] // A record's offset.
fn operation(
    cpu: &mut CpuState,
    op: Op,
    w: crate::x86::Width,
    aux: u16,
    desc: &Desc,
) -> Result<u128, Fault> {
    let imm = desc[1];
    let [a, b, c] = [0, 1, 2].map(|i| argument(cpu, i));
    let ss = match op {
        Op::Rmw | Op::Cas => interp::through_ss(imm),
        _ => 0,
    };
    let memory =
        |r: Result<u64, MemFault>| r.map(u128::from).map_err(|f| interp::access_fault(f, ss));
    match op {
        Op::CondOf => {
            let record = record_at(cpu, a as u16);
            let cond = Cond::ALL.get(usize::from(aux));
            return Ok(cond.is_some_and(|c| record.holds(*c)).into());
        }
        Op::FlBits => return Ok((record_at(cpu, a as u16).status() & imm).into()),
        Op::Rmw => {
            return match RmwOp::from_aux(aux) {
                Some(rmw) => memory(interp::atomic::rmw(rmw, w, GuestAddr(a), b)),
                None => Ok(0),
            };
        }
        Op::Cas => return memory(interp::atomic::cas(w, GuestAddr(a), b, c)),
        Op::ProbeWrite => return memory(interp::probe(w, GuestAddr(a.wrapping_add(imm)))),
        _ => {}
    }
    if let Some(v) = eval::int(op, w, imm, a, b, c) {
        return Ok(v.into());
    }
    if let Some(r) = float::scalar(op, w, aux, [a, b, c], &mut cpu.mxcsr) {
        return r.map(u128::from).map_err(|_| Fault::Simd);
    }
    let args = [0, 1, 2].map(|i| vector_argument(cpu, i));
    let other = argument(cpu, op.scalar_arg());
    let constant = u128::from(desc[2]) | u128::from(desc[3]) << 64;
    let pooled = matches!(op, Op::VConst | Op::VShuf);
    let pool = [constant.to_le_bytes()];
    let imm = if pooled { 0 } else { imm };
    match eval::vector::vector(op, w, imm, &pool, args, other) {
        Some(v) => Ok(v),
        None => float::vector(op, w, aux, args, imm, &mut cpu.mxcsr)
            .unwrap_or(Ok(0))
            .map_err(|_| Fault::Simd),
    }
}

/// Leaves `fault` where `reported` finds it.
fn report(cpu: &mut CpuState, fault: Fault) -> u64 {
    cpu.helper_fault = match fault {
        Fault::Page(m) => {
            cpu.helper_fault_addr = m.addr.0;
            cpu.helper_fault_info = u64::from(m.write) | (m.kind as u64) << 1;
            FAULT_PAGE
        }
        other => (1..=9u8)
            .filter_map(Trap::from_u8)
            .find(|t| Fault::from(*t) == other)
            .map_or(0, |t| t as u64),
    };
    1
}

/// The fault a function reported; forgets it.
pub fn reported(cpu: &mut CpuState) -> Fault {
    let n = std::mem::take(&mut cpu.helper_fault);
    if n == FAULT_PAGE {
        let kinds = [
            MemFaultKind::NotMapped,
            MemFaultKind::Protection,
            MemFaultKind::Bus,
        ];
        let kind = kinds
            .into_iter()
            .find(|k| *k as u64 == cpu.helper_fault_info >> 1);
        return Fault::Page(MemFault {
            addr: GuestAddr(cpu.helper_fault_addr),
            write: cpu.helper_fault_info & 1 != 0,
            fetch: false,
            kind: kind.unwrap_or(MemFaultKind::NotMapped),
        });
    }
    let trap = u8::try_from(n).ok().and_then(Trap::from_u8);
    trap.map_or(Fault::InvalidOpcode, Fault::from)
}
