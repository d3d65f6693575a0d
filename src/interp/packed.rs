//! Executes the vector instructions among `lift::quick::Quick`s.
//!
//! What an operation means is said by `ir::eval::vector`; here is what it is done to. Invariant: as in
//! `quick`.

use super::quick::{address, aux};
use super::{access_fault, load, store, vload, vstore};
use crate::ir::{Op, VSTORE_ALIGNED, VSTORE_FIRST, VSTORE_SECOND, eval};
use crate::lift::quick::{Address, Kind, Len, Packed, Quick};
use crate::x86::{CpuState, Fault, GuestAddr, Width};

/// Executes `q`, which ends before `next`.
///
/// # Errors
/// The instruction's fault.
#[inline(never)]
#[allow(clippy::cast_possible_truncation)] // The low bits of vectors are what is stored.
pub fn step(cpu: &mut CpuState, q: &Quick, next: u64) -> Result<(), Fault> {
    let w = q.w;
    match q.kind {
        Kind::MovVector { d, s, len } => {
            let low = cpu.xmm(usize::from(s));
            put(cpu, d, len, low, cpu.ymm_high(usize::from(s)));
        }
        Kind::LoadVector { d, m, aligned, len } => {
            let [low, high] = read(cpu, m, next, len, aligned)?;
            put(cpu, d, len, low, high);
        }
        Kind::StoreVector { s, m, aligned, len } => {
            let at = GuestAddr(address(cpu, m, next));
            let (low, high) = (cpu.xmm(usize::from(s)), cpu.ymm_high(usize::from(s)));
            let stack = aux(m.stack());
            if len != Len::Vex256 {
                return vstore(at, low, stack | u16::from(aligned));
            }
            let (first, second) = if aligned {
                check_aligned_to_32(at)?;
                (VSTORE_ALIGNED, VSTORE_ALIGNED)
            } else {
                (VSTORE_FIRST, VSTORE_SECOND)
            };
            vstore(at, low, stack | first)?;
            vstore(at.offset(16), high, stack | second)?;
        }
        Kind::ZeroVector { d, len } => put(cpu, d, len, 0, 0),
        Kind::Packed {
            op,
            d,
            a,
            b,
            n,
            len,
        } => {
            let b = [cpu.xmm(usize::from(b)), cpu.ymm_high(usize::from(b))];
            operate(cpu, op, w, [d, a], b, n, len);
        }
        Kind::PackedLoad {
            op,
            d,
            a,
            n,
            len,
            m,
        } => {
            let b = read(cpu, m, next, len, len == Len::Legacy)?;
            operate(cpu, op, w, [d, a], b, n, len);
        }
        Kind::LoadLow { d, m, len } => {
            let v = scalar(cpu, w, m, next)?;
            put(cpu, d, len, v.into(), 0);
        }
        Kind::LoadHalf { d, m, high } => {
            let v = scalar(cpu, Width::W64, m, next)?;
            cpu.ymm[usize::from(d)][usize::from(high)] = v;
        }
        Kind::StoreHalf { s, m, high } => {
            let at = GuestAddr(address(cpu, m, next));
            let v = cpu.ymm[usize::from(s)][usize::from(high)];
            store(w, at, v).map_err(|f| access_fault(f, aux(m.stack())))?;
        }
        Kind::FromGpr { d, s, len } => {
            let v = w.zext(cpu.reg(s));
            put(cpu, d, len, v.into(), 0);
        }
        Kind::ToGpr { d, s } => {
            let v = w.zext(cpu.ymm[usize::from(s)][0]);
            cpu.set_reg(d, v);
        }
        Kind::MoveMask { d, s, len } => {
            let mask = |v| evaluate(Op::VMovMask, w, [v, 0], 0) as u64;
            let mut v = mask(cpu.xmm(usize::from(s)));
            if len == Len::Vex256 {
                v |= mask(cpu.ymm_high(usize::from(s))) << (16 / w.bytes());
            }
            cpu.set_reg(d, v);
        }
        Kind::ZeroUpper => (0..16).for_each(|n| cpu.set_ymm_high(n, 0)),
        _ => {}
    }
    Ok(())
}

/// Sets vector register `d`.
fn put(cpu: &mut CpuState, d: u8, len: Len, low: u128, high: u128) {
    cpu.set_xmm(usize::from(d), low);
    match len {
        Len::Legacy => {}
        Len::Vex128 => cpu.set_ymm_high(usize::from(d), 0),
        Len::Vex256 => cpu.set_ymm_high(usize::from(d), high),
    }
}

fn check_aligned_to_32(at: GuestAddr) -> Result<(), Fault> {
    if at.0 & 31 != 0 {
        return Err(Fault::GeneralProtection);
    }
    Ok(())
}

/// The memory operand: two halves, or one and anything.
fn read(
    cpu: &CpuState,
    m: Address,
    next: u64,
    len: Len,
    aligned: bool,
) -> Result<[u128; 2], Fault> {
    let at = GuestAddr(address(cpu, m, next));
    let how = aux(m.stack()) | u16::from(aligned);
    if len != Len::Vex256 {
        return Ok([vload(at, how)?, 0]);
    }
    if aligned {
        check_aligned_to_32(at)?;
    }
    Ok([vload(at, how)?, vload(at.offset(16), how)?])
}

fn scalar(cpu: &CpuState, w: Width, m: Address, next: u64) -> Result<u64, Fault> {
    let at = GuestAddr(address(cpu, m, next));
    load(w, at).map_err(|f| access_fault(f, aux(m.stack())))
}

/// d = a `op` b
fn operate(
    cpu: &mut CpuState,
    op: Packed,
    w: Width,
    [d, a]: [u8; 2],
    b: [u128; 2],
    n: u8,
    len: Len,
) {
    let low = packed(op, w, cpu.xmm(usize::from(a)), b[0], n);
    let high = match (len, op) {
        (Len::Vex256, Packed::Broadcast) => low,
        (Len::Vex256, _) => packed(op, w, cpu.ymm_high(usize::from(a)), b[1], n),
        _ => 0,
    };
    put(cpu, d, len, low, high);
}

/// What `op` makes of 128 bits.
fn packed(op: Packed, w: Width, a: u128, b: u128, n: u8) -> u128 {
    let ir = match op {
        Packed::And => return a & b,
        Packed::AndNot => return !a & b,
        Packed::Or => return a | b,
        Packed::Xor => return a ^ b,
        Packed::Add => Op::VAdd,
        Packed::Sub => Op::VSub,
        Packed::Equal => Op::VCmpEq,
        Packed::Greater => Op::VCmpGt,
        Packed::MinU => Op::VMinU,
        Packed::MaxU => Op::VMaxU,
        Packed::MinS => Op::VMinS,
        Packed::MaxS => Op::VMaxS,
        Packed::Shl => Op::VShl,
        Packed::Shr => Op::VShr,
        Packed::Sar => Op::VSar,
        Packed::Permute => Op::VPerm,
        Packed::UnpackLow => return unpack(w, a, b, 0),
        Packed::UnpackHigh => return unpack(w, a, b, 8 / w.bytes()),
        Packed::BytesUp => return a.checked_shl(8 * u32::from(n)).unwrap_or(0),
        Packed::BytesDown => return a.checked_shr(8 * u32::from(n)).unwrap_or(0),
        Packed::Shuffle => {
            return (0..4).fold(0, |r, i| {
                let from = u64::from(n >> (2 * i) & 3);
                eval::vector::with_lane(w, r, i, eval::vector::lane(w, b, from))
            });
        }
        Packed::Align => {
            let by = 8 * u32::from(n);
            let behind = match by {
                0 => 0,
                1..=128 => a.checked_shl(128 - by).unwrap_or(0),
                _ => a.checked_shr(by - 128).unwrap_or(0),
            };
            return b.checked_shr(by).unwrap_or(0) | behind;
        }
        Packed::Low => return eval::vector::with_lane(w, a, 0, eval::vector::lane(w, b, 0)),
        Packed::LowOnly => return eval::vector::lane(w, b, 0).into(),
        Packed::Broadcast => {
            let lane = u128::from(eval::vector::lane(w, b, 0));
            return u128::MAX / u128::from(w.mask()) * lane;
        }
    };
    evaluate(ir, w, [a, b], n.into())
}

/// Lanes of `a` and `b` in turn, from number `first` on.
fn unpack(w: Width, a: u128, b: u128, first: u64) -> u128 {
    (0..8 / w.bytes()).fold(0, |r, i| {
        let r = eval::vector::with_lane(w, r, 2 * i, eval::vector::lane(w, a, first + i));
        eval::vector::with_lane(w, r, 2 * i + 1, eval::vector::lane(w, b, first + i))
    })
}

fn evaluate(op: Op, w: Width, [a, b]: [u128; 2], i: u64) -> u128 {
    eval::vector::vector(op, w, 0, &[], [a, b, 0], i).unwrap_or(0)
}
