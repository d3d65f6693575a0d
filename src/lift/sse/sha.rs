//! SHA-1 and SHA-256 (SDM vol. 1, 5.18). SHA-1 on the words in registers: vectors do nothing for rounds, each of
//! which needs the one before. Hosts may have instructions for SHA-256, so its steps are operations.

use super::{Cx, Lifted, Op, Unsupported, Value, Width};
use crate::ir::Var;

const W: Width = Width::W32;

/// The words of `v`, the lowest first, with anything above their 32 bits.
fn words(cx: &mut Cx<'_>, v: Value) -> [Value; 4] {
    let [low, high] = [0, 1].map(|n| cx.op_imm(Op::VExtract, Width::W64, &[v], n, 0));
    let [a, b] = [low, high].map(|x| cx.shr_imm(Width::W64, x, 32));
    [low, a, high, b]
}

/// Both operands' words.
fn operands(cx: &mut Cx<'_>) -> Result<[[Value; 4]; 2], Unsupported> {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    Ok([words(cx, a), words(cx, b)])
}

/// Operand 0 = these words.
fn set_words(cx: &mut Cx<'_>, [a, b, c, d]: [Value; 4]) -> Lifted {
    let [low, high] = [(a, b), (c, d)].map(|(below, above)| {
        let below = cx.op(Op::Zext, W, &[below]);
        let above = cx.shl_imm(Width::W64, above, 32);
        cx.or(Width::W64, below, above)
    });
    let v = cx.op(Op::VFromI, Width::W64, &[low]);
    let v = cx.op_imm(Op::VInsert, Width::W64, &[v, high], 1, 0);
    cx.set_xmm(0, v)
}

/// The sum of all.
fn sum(cx: &mut Cx<'_>, first: Value, rest: &[Value]) -> Value {
    rest.iter().fold(first, |s, x| cx.add(W, s, *x))
}

/// `x` rotated left.
fn left(cx: &mut Cx<'_>, x: Value, n: u64) -> Value {
    let n = cx.konst(n);
    cx.op(Op::Rotl, W, &[x, n])
}

/// Bits of `yes` where `c` has ones, else of `no`.
fn choose(cx: &mut Cx<'_>, c: Value, yes: Value, no: Value) -> Value {
    let differ = cx.xor(W, yes, no);
    let taken = cx.and(W, c, differ);
    cx.xor(W, no, taken)
}

/// The bits that two or three have.
fn majority(cx: &mut Cx<'_>, a: Value, b: Value, c: Value) -> Value {
    let differ = cx.xor(W, a, b);
    choose(cx, differ, c, a)
}

/// SHA1RNDS4: bits 1:0 of the immediate are which twenty of the rounds.
pub fn sha1rnds4(cx: &mut Cx<'_>) -> Lifted {
    let part = cx.imm(2) & 3;
    let constants: [u64; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];
    let [[mut d, mut c, mut b, mut a], w] = operands(cx)?;
    let k = cx.konst(constants[usize::try_from(part).unwrap_or(0)]);
    // E is in the first word already.
    let mut e = None;
    for w in w.into_iter().rev() {
        let f = match part {
            0 => choose(cx, b, c, d),
            2 => majority(cx, b, c, d),
            _ => {
                let bc = cx.xor(W, b, c);
                cx.xor(W, bc, d)
            }
        };
        let turned = left(cx, a, 5);
        let mut next = sum(cx, w, &[k, f, turned]);
        if let Some(e) = e {
            next = cx.add(W, next, e);
        }
        e = Some(d);
        (d, c) = (c, left(cx, b, 30));
        (b, a) = (a, next);
    }
    set_words(cx, [d, c, b, a])
}

/// SHA1NEXTE
pub fn sha1nexte(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let [x, y] = [a, b].map(|v| cx.op_imm(Op::VExtract, W, &[v], 3, 0));
    let x = left(cx, x, 30);
    let top = cx.add(W, x, y);
    let r = cx.op_imm(Op::VInsert, W, &[b, top], 3, 0);
    cx.set_xmm(0, r)
}

/// SHA1MSG1
pub fn sha1msg1(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let later = super::data::halves(cx, a, b, 24, 0);
    let r = cx.op(Op::VXor, Width::W64, &[a, later]);
    cx.set_xmm(0, r)
}

/// SHA1MSG2: each word is a rotation, in which the lowest one needs the highest one's.
pub fn sha1msg2(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let left = |cx: &mut Cx<'_>, v| cx.op_imm(Op::VRotr, W, &[v], 31, 0);
    let (up, top) = (-4, 12);
    let before = shifted(cx, b, up);
    let mixed = cx.op(Op::VXor, Width::W64, &[a, before]);
    let words = left(cx, mixed);
    let highest = shifted(cx, words, top);
    let lowest = left(cx, highest);
    let r = cx.op(Op::VXor, Width::W64, &[words, lowest]);
    cx.set_xmm(0, r)
}

/// The bytes of `v`, each taken from `by` places above, and zeros.
fn shifted(cx: &mut Cx<'_>, v: Value, by: i8) -> Value {
    let from = |i: usize| {
        let n = i8::try_from(i).unwrap_or(0) + by;
        u8::try_from(n).ok().filter(|n| *n < 16).unwrap_or(0x80)
    };
    cx.shuffle(v, v, std::array::from_fn(from))
}

/// SHA256RNDS2: XMM0 has the words with their constants added.
pub fn sha256rnds2(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let wk = cx.get(Var::Xmm(0));
    let r = cx.op(Op::VSha256Rounds, W, &[a, b, wk]);
    cx.set_xmm(0, r)
}

/// SHA256MSG1
pub fn sha256msg1(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let next = cx.shuffle(
        a,
        b,
        std::array::from_fn(|i| u8::try_from(i + 4).unwrap_or(0)),
    );
    let [first, second] = [7, 18].map(|n| cx.op_imm(Op::VRotr, W, &[next], n, 0));
    let three = cx.konst(3);
    let third = cx.op(Op::VShr, W, &[next, three]);
    let mixed = cx.op(Op::VXor, Width::W64, &[first, second]);
    let mixed = cx.op(Op::VXor, Width::W64, &[mixed, third]);
    let r = cx.op(Op::VAdd, W, &[a, mixed]);
    cx.set_xmm(0, r)
}

/// SHA256MSG2
pub fn sha256msg2(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let r = cx.op(Op::VSha256Msg2, W, &[a, b]);
    cx.set_xmm(0, r)
}
