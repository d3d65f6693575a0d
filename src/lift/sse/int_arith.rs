//! Packed integer arithmetic, comparison and packing (SDM vol. 1, 5.5.2, 5.6.3, 5.8, 5.10
//! and 5.11.2;
//! chapter 11.4).

use super::{Cx, Lifted, Op, Width, packed};

packed! {
    /// PADDB
    paddb VAdd W8;
    /// PADDW
    paddw VAdd W16;
    /// PADDD
    paddd VAdd W32;
    /// PADDQ
    paddq VAdd W64;
    /// PADDSB
    paddsb VAddSatS W8;
    /// PADDSW
    paddsw VAddSatS W16;
    /// PADDUSB
    paddusb VAddSatU W8;
    /// PADDUSW
    paddusw VAddSatU W16;
    /// PSUBSB
    psubsb VSubSatS W8;
    /// PSUBSW
    psubsw VSubSatS W16;
    /// PSUBUSB
    psubusb VSubSatU W8;
    /// PSUBUSW
    psubusw VSubSatU W16;
    /// PMULLW
    pmullw VMul W16;
    /// PMULHW
    pmulhw VMulHiS W16;
    /// PMULHUW
    pmulhuw VMulHiU W16;
    /// PMULUDQ
    pmuludq VMulEvenU W32;
    /// PMADDWD
    pmaddwd VMadd W16;
    /// PSADBW
    psadbw VSad W8;
    /// PAVGB
    pavgb VAvg W8;
    /// PAVGW
    pavgw VAvg W16;
    /// PMINSW
    pminsw VMinS W16;
    /// PMINUB
    pminub VMinU W8;
    /// PMAXSW
    pmaxsw VMaxS W16;
    /// PMAXUB
    pmaxub VMaxU W8;
    /// PMINSB
    pminsb VMinS W8;
    /// PMINSD
    pminsd VMinS W32;
    /// PMINUW
    pminuw VMinU W16;
    /// PMINUD
    pminud VMinU W32;
    /// PMAXSB
    pmaxsb VMaxS W8;
    /// PMAXSD
    pmaxsd VMaxS W32;
    /// PMAXUW
    pmaxuw VMaxU W16;
    /// PMAXUD
    pmaxud VMaxU W32;
    /// PMULLD
    pmulld VMul W32;
    /// PACKUSDW
    packusdw VPackU W32;
}

/// Both operands' lanes, the first's below. Of MMX registers, both are brought together first.
fn pack(cx: &mut Cx<'_>, op: Op, w: Width) -> Lifted {
    if !cx.is_mmx() {
        return cx.packed(op, w, 0);
    }
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let both = super::data::halves(cx, a, b, 0, 16);
    let r = cx.op(op, w, &[both, both]);
    cx.set_xmm(0, r)
}

/// PACKSSWB
pub fn packsswb(cx: &mut Cx<'_>) -> Lifted {
    pack(cx, Op::VPackS, Width::W16)
}

/// PACKSSDW
pub fn packssdw(cx: &mut Cx<'_>) -> Lifted {
    pack(cx, Op::VPackS, Width::W32)
}

/// PACKUSWB
pub fn packuswb(cx: &mut Cx<'_>) -> Lifted {
    pack(cx, Op::VPackU, Width::W16)
}

/// PSUBx, PCMPGTx and PCMPEQx of a register with itself are constants, and depend on nothing.
fn constant_or(cx: &mut Cx<'_>, op: Op, w: Width) -> Lifted {
    if !cx.same_register() {
        return cx.packed(op, w, 0);
    }
    let v = cx.vconst(if op == Op::VCmpEq { u128::MAX } else { 0 });
    cx.set_xmm(0, v)
}

macro_rules! with_constant {
    ($($(#[$doc:meta])* $name:ident $op:ident $w:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            constant_or(cx, Op::$op, Width::$w)
        }
    )*};
}

with_constant! {
    /// PSUBB
    psubb VSub W8;
    /// PSUBW
    psubw VSub W16;
    /// PSUBD
    psubd VSub W32;
    /// PSUBQ
    psubq VSub W64;
    /// PCMPEQB
    pcmpeqb VCmpEq W8;
    /// PCMPEQW
    pcmpeqw VCmpEq W16;
    /// PCMPEQD
    pcmpeqd VCmpEq W32;
    /// PCMPEQQ
    pcmpeqq VCmpEq W64;
    /// PCMPGTB
    pcmpgtb VCmpGt W8;
    /// PCMPGTW
    pcmpgtw VCmpGt W16;
    /// PCMPGTD
    pcmpgtd VCmpGt W32;
    /// PCMPGTQ
    pcmpgtq VCmpGt W64;
}

/// The absolute values: the larger one of a lane and its negation. The most negative number stays.
fn absolute(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let a = cx.xmm_m128(1)?;
    let zero = cx.vconst(0);
    let negated = cx.op(Op::VSub, w, &[zero, a]);
    let r = cx.op(Op::VMaxS, w, &[a, negated]);
    cx.set_xmm(0, r)
}

/// PABSB
pub fn pabsb(cx: &mut Cx<'_>) -> Lifted {
    absolute(cx, Width::W8)
}

/// PABSW
pub fn pabsw(cx: &mut Cx<'_>) -> Lifted {
    absolute(cx, Width::W16)
}

/// PABSD
pub fn pabsd(cx: &mut Cx<'_>) -> Lifted {
    absolute(cx, Width::W32)
}

/// Operand 0's lanes negated where operand 1's are negative, zero where those are zero.
fn sign(cx: &mut Cx<'_>, w: Width) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let zero = cx.vconst(0);
    let negative = cx.op(Op::VCmpGt, w, &[zero, b]);
    let flipped = cx.op(Op::VXor, Width::W64, &[a, negative]);
    let r = cx.op(Op::VSub, w, &[flipped, negative]);
    let none = cx.op(Op::VCmpEq, w, &[b, zero]);
    let r = cx.op(Op::VAndN, Width::W64, &[none, r]);
    cx.set_xmm(0, r)
}

/// PSIGNB
pub fn psignb(cx: &mut Cx<'_>) -> Lifted {
    sign(cx, Width::W8)
}

/// PSIGNW
pub fn psignw(cx: &mut Cx<'_>) -> Lifted {
    sign(cx, Width::W16)
}

/// PSIGND
pub fn psignd(cx: &mut Cx<'_>) -> Lifted {
    sign(cx, Width::W32)
}

/// PMADDUBSW: products of operand 0's unsigned and operand 1's signed bytes, the pairs' sums saturated.
pub fn pmaddubsw(cx: &mut Cx<'_>) -> Lifted {
    let w = Width::W16;
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let eight = cx.konst(8);
    let odd_a = cx.op(Op::VShr, w, &[a, eight]);
    let odd_b = cx.op(Op::VSar, w, &[b, eight]);
    let odd = cx.op(Op::VMul, w, &[odd_a, odd_b]);
    let low = cx.vconst(u128::MAX / 0xffff * 0xff);
    let even_a = cx.op(Op::VAnd, Width::W64, &[a, low]);
    let even_b = cx.op(Op::VShl, w, &[b, eight]);
    let even_b = cx.op(Op::VSar, w, &[even_b, eight]);
    let even = cx.op(Op::VMul, w, &[even_a, even_b]);
    let r = cx.op(Op::VAddSatS, w, &[even, odd]);
    cx.set_xmm(0, r)
}

/// PMULHRSW: bits 30 to 15 of the products, rounded by bit 14.
pub fn pmulhrsw(cx: &mut Cx<'_>) -> Lifted {
    let w = Width::W16;
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let high = cx.op(Op::VMulHiS, w, &[a, b]);
    let low = cx.op(Op::VMul, w, &[a, b]);
    let one = cx.konst(1);
    let high = cx.op(Op::VShl, w, &[high, one]);
    // Bits 15 and 14, halved and rounded up.
    let fourteen = cx.konst(14);
    let low = cx.op(Op::VShr, w, &[low, fourteen]);
    let zero = cx.vconst(0);
    let low = cx.op(Op::VAvg, w, &[low, zero]);
    let r = cx.op(Op::VAdd, w, &[high, low]);
    cx.set_xmm(0, r)
}

/// PMULDQ: products of the even signed doublewords.
pub fn pmuldq(cx: &mut Cx<'_>) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let half = cx.konst(32);
    let [a, b] = [a, b].map(|v| {
        let up = cx.op(Op::VShl, Width::W64, &[v, half]);
        cx.op(Op::VSar, Width::W64, &[up, half])
    });
    let r = cx.op(Op::VMul, Width::W64, &[a, b]);
    cx.set_xmm(0, r)
}

/// MPSADBW
pub fn mpsadbw(cx: &mut Cx<'_>) -> Lifted {
    // An upper half has the next bits.
    let imm = u64::from(cx.insn.immediate8() >> if cx.vex.high { 3 } else { 0 }) & 7;
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let r = cx.op_imm(Op::VMpSad, Width::W8, &[a, b], imm, 0);
    cx.set_xmm(0, r)
}

/// PHMINPOSUW
pub fn phminposuw(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VMinPos, Width::W16, 0)
}
