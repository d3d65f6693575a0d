//! Identities of vector and float operations: what a lane of a value just made is, and shuffles of
//! shuffles. Scalar SSE code makes a vector of one number and takes it apart again all the time.

use super::rewrite::Rewriter;
use crate::ir::{Inst, Op, Value};
use crate::x86::Width;

/// The value `inst` is equal to, if it is one that exists or is cheaper.
pub fn simplified(r: &mut Rewriter, inst: &Inst) -> Option<Value> {
    match inst.op {
        Op::VExtract => extract(r, inst),
        Op::FGet => fget(r, inst),
        Op::FFrom => {
            let d = *r.def(inst.args[0]);
            (d.op == Op::FBits && d.w == inst.w).then_some(d.args[0])
        }
        Op::FBits => {
            let d = *r.def(inst.args[0]);
            (d.op == Op::FFrom && d.w == inst.w).then(|| r.op(Op::Zext, inst.w, &[d.args[0]]))
        }
        Op::FPut => fput(r, inst),
        Op::VOr | Op::VXor => rotation(r, inst),
        _ => None,
    }
}

/// Bytes [first, end) of a lane.
fn bytes(w: Width, lane: u64) -> (u64, u64) {
    (lane * w.bytes(), (lane + 1) * w.bytes())
}

fn extract(r: &mut Rewriter, inst: &Inst) -> Option<Value> {
    let (first, end) = bytes(inst.w, inst.imm);
    let d = *r.def(inst.args[0]);
    match d.op {
        Op::VFromI if first >= d.w.bytes() => Some(r.konst(0)),
        Op::VFromI if first == 0 => Some(r.op(Op::Zext, inst.w.min(d.w), &[d.args[0]])),
        Op::VFromI if end <= d.w.bytes() => {
            let x = r.op_imm(Op::Shr, Width::W64, d.args[0], 8 * first);
            Some(r.op(Op::Zext, inst.w, &[x]))
        }
        Op::VInsert | Op::FPut => {
            let (from, to) = bytes(d.w, if d.op == Op::VInsert { d.imm } else { 0 });
            if end <= from || to <= first {
                let mut deeper = *inst;
                deeper.args[0] = d.args[0];
                Some(r.emit(&deeper))
            } else if (first, end) == (from, to) {
                let op = if d.op == Op::VInsert {
                    Op::Zext
                } else {
                    Op::FBits
                };
                Some(r.op(op, inst.w, &[d.args[1]]))
            } else {
                None
            }
        }
        _ => None,
    }
}

fn fget(r: &mut Rewriter, inst: &Inst) -> Option<Value> {
    let d = *r.def(inst.args[0]);
    match d.op {
        Op::VFromI if d.w >= inst.w => Some(r.op(Op::FFrom, inst.w, &[d.args[0]])),
        Op::FPut if d.w == inst.w => Some(d.args[1]),
        Op::VInsert if d.imm == 0 && d.w >= inst.w => Some(r.op(Op::FFrom, inst.w, &[d.args[1]])),
        _ => None,
    }
}

/// What is shifted both ways, by the width together, is rotated.
fn rotation(r: &mut Rewriter, inst: &Inst) -> Option<Value> {
    let [x, y] = [0, 1].map(|n| *r.def(inst.args[n]));
    let (up, down) = match (x.op, y.op) {
        (Op::VShl, Op::VShr) => (x, y),
        (Op::VShr, Op::VShl) => (y, x),
        _ => return None,
    };
    let (left, right) = (r.constant(up.args[1])?, r.constant(down.args[1])?);
    let whole = left.checked_add(right)? == u64::from(up.w.bits());
    if up.w != down.w || up.args[0] != down.args[0] || !whole || left == 0 || right == 0 {
        return None;
    }
    let mut rotated = Inst::new(Op::VRotr, up.w);
    rotated.args[0] = up.args[0];
    rotated.imm = right;
    Some(r.emit(&rotated))
}

/// A float put over the only lane that was not zero, or over one that was put before.
fn fput(r: &mut Rewriter, inst: &Inst) -> Option<Value> {
    let d = *r.def(inst.args[0]);
    match d.op {
        Op::VFromI if d.w <= inst.w || r.constant(d.args[0]) == Some(0) => {
            let bits = r.op(Op::FBits, inst.w, &[inst.args[1]]);
            Some(r.op(Op::VFromI, inst.w, &[bits]))
        }
        Op::FPut if d.w <= inst.w => {
            let mut below = *inst;
            below.args[0] = d.args[0];
            Some(r.emit(&below))
        }
        _ => None,
    }
}

/// `inst`, a `vconst`: zero is `vfromi` of zero, so that its lanes are known.
pub fn constant(r: &mut Rewriter, pool: &[[u8; 16]], inst: &Inst) -> Value {
    if selection(pool, inst.imm) == [0; 16] {
        let zero = r.konst(0);
        return r.op(Op::VFromI, Width::W64, &[zero]);
    }
    r.push(inst)
}

/// Constant number `n`.
fn selection(pool: &[[u8; 16]], n: u64) -> [u8; 16] {
    usize::try_from(n)
        .ok()
        .and_then(|n| pool.get(n).copied())
        .unwrap_or_default()
}

/// `inst`, a `vshuf`, with what the sources are shuffles of taken from there.
pub fn shuffle(r: &mut Rewriter, pool: &mut Vec<[u8; 16]>, inst: &Inst) -> Value {
    let mut inst = *inst;
    let mut p = selection(pool, inst.imm);
    let [a, b, ..] = inst.args;
    if a == b {
        p = p.map(|s| if s < 32 { s & 15 } else { s });
    }
    // Only where one source is not needed: what is left may be a shuffle itself.
    let low = p.iter().any(|s| *s < 16);
    let high = p.iter().any(|s| (16..32).contains(s));
    if low != high {
        let from = if low { a } else { b };
        let d = *r.def(from);
        let p = p.map(|s| if s < 32 { s & 15 } else { s });
        let (args, p) = if d.op == Op::VShuf {
            let inner = selection(pool, d.imm);
            let through = |s: u8| inner.get(usize::from(s)).copied().unwrap_or(0x80);
            ([d.args[0], d.args[1]], p.map(through))
        } else {
            ([from, from], p)
        };
        inst.args[..2].copy_from_slice(&args);
        if args[0] == args[1]
            && let Some(v) = splat(r, args[0], p)
        {
            return v;
        }
        inst.imm = intern(pool, p);
    }
    r.push(&inst)
}

/// Shuffle `p` of `a` alone, if it repeats the low lane of an integer.
fn splat(r: &mut Rewriter, a: Value, p: [u8; 16]) -> Option<Value> {
    let d = *r.def(a);
    let w = Width::ALL
        .iter()
        .copied()
        .find(|w| (0..16u8).all(|i| u64::from(p[usize::from(i)]) == u64::from(i) % w.bytes()))?;
    (d.op == Op::VFromI && w <= d.w).then(|| r.op(Op::VSplat, w, &[d.args[0]]))
}

/// The number of constant `p`.
fn intern(pool: &mut Vec<[u8; 16]>, p: [u8; 16]) -> u64 {
    let n = pool.iter().position(|q| *q == p).unwrap_or_else(|| {
        pool.push(p);
        pool.len() - 1
    });
    n as u64
}

#[cfg(test)]
mod tests {
    use crate::ir::{Op, parse_region};

    /// MOVD, PUNPCKLBW, PUNPCKLWD and PSHUFD of one register, then MOVQ of it.
    const TEXT: &str = "insns 1
pool 00000101020203030404050506060707
pool 00010001020302030405040506070607
pool 00010203000102030001020300010203
b0 0x0 entry:
  insn.64 @3
    v1 = get.64 rcx
    v2 = vfromi.32 v1
    v3 = vshuf.8 v2 v2
    v4 = vshuf.8 v3 v3 #0x1
    v5 = vshuf.8 v4 v4 #0x2
    set.64 xmm0 v5
    v7 = fget.32 v2
    v8 = fput.32 v2 v7
    v9 = vextract.64 v8 #0x1
    set.64 rax v9
    jump exit 0x3
";

    #[test]
    fn a_byte_everywhere_is_one_splat_and_zeros_above_are_known() {
        let mut region = parse_region(TEXT).unwrap();
        crate::ir::verify(&region).unwrap();
        crate::opt::optimize(&mut region);
        let insts = &region.blocks[0].insts;
        let has = |op| insts.iter().any(|i| i.op == op);
        assert!(has(Op::VSplat) && !has(Op::VShuf), "{region}");
        assert!(!has(Op::VExtract) && !has(Op::VFromI), "{region}");
    }
}
