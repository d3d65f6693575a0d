//! AES, carry-less multiplication and GF(2^8) (SDM vol. 1, 5.12 and 5.26).

use super::{Cx, Lifted, Op, Width, packed};

packed! {
    /// AESENC
    aesenc VAesEnc W64;
    /// AESENCLAST
    aesenclast VAesEncLast W64;
    /// AESDEC
    aesdec VAesDec W64;
    /// AESDECLAST
    aesdeclast VAesDecLast W64;
    /// GF2P8MULB
    gf2p8mulb VGfMul W8;
}

/// AESIMC
pub fn aesimc(cx: &mut Cx<'_>) -> Lifted {
    cx.packed_unary(Op::VAesImc, Width::W64, 0)
}

/// AESKEYGENASSIST
pub fn aeskeygenassist(cx: &mut Cx<'_>) -> Lifted {
    let a = cx.xmm_m128(1)?;
    let r = cx.op_imm(Op::VAesKey, Width::W64, &[a], cx.imm(2) & 0xff, 0);
    cx.set_xmm(0, r)
}

/// PCLMULQDQ: bits 0 and 4 of the immediate choose halves of the operands.
pub fn pclmulqdq(cx: &mut Cx<'_>) -> Lifted {
    let imm = u64::from(cx.insn.immediate8());
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let r = cx.op_imm(Op::VClMul, Width::W64, &[a, b], imm & 0x11, 0);
    cx.set_xmm(0, r)
}

/// `inverse` is `Op::VGfAffine`'s, 256 or 0.
fn affine(cx: &mut Cx<'_>, inverse: u64) -> Lifted {
    let imm = u64::from(cx.insn.immediate8()) | inverse;
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let r = cx.op_imm(Op::VGfAffine, Width::W8, &[a, b], imm, 0);
    cx.set_xmm(0, r)
}

/// GF2P8AFFINEQB
pub fn gf2p8affineqb(cx: &mut Cx<'_>) -> Lifted {
    affine(cx, 0)
}

/// GF2P8AFFINEINVQB
pub fn gf2p8affineinvqb(cx: &mut Cx<'_>) -> Lifted {
    affine(cx, 256)
}
