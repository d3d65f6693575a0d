//! String and text processing (SDM vol. 1, 5.11.1; vol. 2, 4.1).

use super::{Cx, Lifted, Op, Unsupported, Value, Width};
use crate::ir::eval::text::IMPLICIT;
use crate::x86::Gpr;
use iced_x86::Mnemonic;

/// How many elements a register has.
fn elements(cx: &Cx<'_>) -> u32 {
    if cx.insn.immediate8() & 1 == 0 { 16 } else { 8 }
}

/// The length in `reg`: its magnitude, at most as many elements as a register has.
fn length(cx: &mut Cx<'_>, reg: Gpr) -> Value {
    let wide = matches!(
        cx.insn.mnemonic(),
        Mnemonic::Pcmpestri64
            | Mnemonic::Pcmpestrm64
            | Mnemonic::Vpcmpestri64
            | Mnemonic::Vpcmpestrm64
    );
    let mut n = cx.gpr(reg);
    if !wide {
        n = cx.op(Op::Sext, Width::W32, &[n]);
    }
    let sign = cx.sar_imm(Width::W64, n, 63);
    let n = cx.xor(Width::W64, n, sign);
    let n = cx.sub(Width::W64, n, sign);
    let most = cx.konst(elements(cx).into());
    let less = cx.op(Op::LtU, Width::W64, &[n, most]);
    cx.select(less, n, most)
}

/// Compares, and sets the flags; gives `IntRes2`.
fn compare(cx: &mut Cx<'_>, implicit: bool) -> Result<Value, Unsupported> {
    let imm = u64::from(cx.insn.immediate8());
    let b = if cx.is_mem(1) {
        cx.load128(false)?
    } else {
        cx.xmm(1)?
    };
    let a = cx.xmm(0)?;
    let (lengths, imm) = if implicit {
        (cx.konst(0), imm | IMPLICIT)
    } else {
        let first = length(cx, Gpr::RAX);
        let second = length(cx, Gpr::RDX);
        let second = cx.shl_imm(Width::W64, second, 8);
        (cx.or(Width::W64, first, second), imm)
    };
    let r = cx.op_imm(Op::VStrCmp, Width::W64, &[a, b, lengths], imm, 0);
    let bits = cx.shr_imm(Width::W64, r, 16);
    let f = cx.raw_flags(bits);
    cx.set_flags(f);
    Ok(cx.and_imm(Width::W64, r, 0xffff))
}

/// The number of the lowest or highest one to ECX; that of elements if there is none.
fn index(cx: &mut Cx<'_>, implicit: bool) -> Lifted {
    let n = elements(cx);
    let r = compare(cx, implicit)?;
    let v = if cx.insn.immediate8() & 0x40 == 0 {
        let end = cx.konst(1 << n);
        let r = cx.or(Width::W64, r, end);
        cx.op(Op::Ctz, Width::W64, &[r])
    } else {
        let zeros = cx.op(Op::Clz, Width::W64, &[r]);
        let top = cx.konst(63);
        let highest = cx.sub(Width::W64, top, zeros);
        let none = cx.konst(n.into());
        cx.select(r, highest, none)
    };
    cx.set_gpr(Gpr::RCX, v);
    Ok(())
}

/// The bits to XMM0: as they are, or each as a whole element.
fn mask(cx: &mut Cx<'_>, implicit: bool) -> Lifted {
    let wide = elements(cx) == 8;
    let r = compare(cx, implicit)?;
    let v = if cx.insn.immediate8() & 0x40 == 0 {
        cx.op(Op::VFromI, Width::W64, &[r])
    } else {
        // Each element gets the byte its bit is in, and keeps that bit.
        let v = cx.op(Op::VFromI, Width::W64, &[r]);
        let (w, bits) = if wide {
            (Width::W16, 0x0080_0040_0020_0010_0008_0004_0002_0001)
        } else {
            (Width::W8, 0x8040_2010_0804_0201_8040_2010_0804_0201)
        };
        let byte = |i: usize| {
            if wide && i % 2 == 1 {
                0x80
            } else {
                u8::from(!wide && i >= 8)
            }
        };
        let spread = cx.shuffle(v, v, std::array::from_fn(byte));
        let bits = cx.vconst(bits);
        let kept = cx.op(Op::VAnd, Width::W64, &[spread, bits]);
        cx.op(Op::VCmpEq, w, &[kept, bits])
    };
    cx.set_numbered(0, v);
    Ok(())
}

/// PCMPESTRI
pub fn pcmpestri(cx: &mut Cx<'_>) -> Lifted {
    index(cx, false)
}

/// PCMPISTRI
pub fn pcmpistri(cx: &mut Cx<'_>) -> Lifted {
    index(cx, true)
}

/// PCMPESTRM
pub fn pcmpestrm(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, false)
}

/// PCMPISTRM
pub fn pcmpistrm(cx: &mut Cx<'_>) -> Lifted {
    mask(cx, true)
}
