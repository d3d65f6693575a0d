//! Packed integer arithmetic, comparison and packing (SDM vol. 1, 5.5.2 and 5.6.3; vol. 1, chapter 11.4).

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
    /// PCMPGTB
    pcmpgtb VCmpGt W8;
    /// PCMPGTW
    pcmpgtw VCmpGt W16;
    /// PCMPGTD
    pcmpgtd VCmpGt W32;
}
