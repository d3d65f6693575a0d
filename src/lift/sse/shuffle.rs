//! Shuffle, unpack and byte shifts (SDM vol. 1, 5.5.1.5, 5.6.1.5, 5.6.3, 5.7.5, 5.8.7 and 5.8.8): all but
//! PSHUFB are `vshuf`.

use super::{Cx, Lifted, Op, Width};

/// Writes to operand 0 the bytes of (operand 0, operand 1) that `select` names.
fn pick(cx: &mut Cx<'_>, select: [u8; 16]) -> Lifted {
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let r = cx.shuffle(a, b, select);
    cx.set_xmm(0, r)
}

/// Byte `i` of a selection made lane by lane: `lane(n)` is which lane of `w` goes to place `n`, lanes
/// of the second operand following those of the first.
pub(super) fn by_lanes(w: Width, lane: impl Fn(u8) -> u8) -> [u8; 16] {
    let bytes = 1u8 << w as u8;
    std::array::from_fn(|i| {
        let i = u8::try_from(i).unwrap_or(0);
        lane(i / bytes) * bytes + i % bytes
    })
}

/// Interleaves lanes of both operands, from lane `first` on.
fn unpack(cx: &mut Cx<'_>, w: Width, high: bool) -> Lifted {
    let lanes = 16u8 >> w as u8;
    let size = if cx.is_mmx() { lanes / 2 } else { lanes };
    let first = if high { size / 2 } else { 0 };
    pick(
        cx,
        by_lanes(w, |n| first + n / 2 + if n % 2 == 0 { 0 } else { lanes }),
    )
}

macro_rules! unpacks {
    ($($(#[$doc:meta])* $name:ident $w:ident $high:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            unpack(cx, Width::$w, $high)
        }
    )*};
}

unpacks! {
    /// PUNPCKLBW
    unpack_low8 W8 false;
    /// PUNPCKLWD
    unpack_low16 W16 false;
    /// PUNPCKLDQ, UNPCKLPS
    unpack_low32 W32 false;
    /// PUNPCKLQDQ, UNPCKLPD
    unpack_low64 W64 false;
    /// PUNPCKHBW
    unpack_high8 W8 true;
    /// PUNPCKHWD
    unpack_high16 W16 true;
    /// PUNPCKHDQ, UNPCKHPS
    unpack_high32 W32 true;
    /// PUNPCKHQDQ, UNPCKHPD
    unpack_high64 W64 true;
}

/// SHUFPS: two lanes of the first operand, two of the second.
pub fn shufps(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    pick(
        cx,
        by_lanes(Width::W32, |n| {
            (imm >> (2 * n) & 3) + if n < 2 { 0 } else { 4 }
        }),
    )
}

/// SHUFPD: one lane of each.
pub fn shufpd(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8() >> if cx.vex.high { 2 } else { 0 };
    pick(cx, by_lanes(Width::W64, |n| (imm >> n & 1) + 2 * n))
}

/// Operand 0 = bytes of operand 1 alone.
fn permute(cx: &mut Cx<'_>, select: [u8; 16]) -> Lifted {
    let a = cx.xmm_m128(1)?;
    let r = cx.shuffle(a, a, select);
    cx.set_xmm(0, r)
}

/// PSHUFD
pub fn pshufd(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    permute(cx, by_lanes(Width::W32, |n| imm >> (2 * n) & 3))
}

/// PSHUFLW, and PSHUFW, which is the same where there is no upper half.
pub fn pshuflw(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    permute(
        cx,
        by_lanes(Width::W16, |n| if n < 4 { imm >> (2 * n) & 3 } else { n }),
    )
}

/// PSHUFHW
pub fn pshufhw(cx: &mut Cx<'_>) -> Lifted {
    let imm = cx.insn.immediate8();
    permute(
        cx,
        by_lanes(Width::W16, |n| {
            if n < 4 {
                n
            } else {
                4 + (imm >> (2 * (n - 4)) & 3)
            }
        }),
    )
}

/// MOVSLDUP: the even lanes, each twice.
pub fn movsldup(cx: &mut Cx<'_>) -> Lifted {
    permute(cx, by_lanes(Width::W32, |n| n & !1))
}

/// MOVSHDUP: the odd lanes, each twice.
pub fn movshdup(cx: &mut Cx<'_>) -> Lifted {
    permute(cx, by_lanes(Width::W32, |n| n | 1))
}

/// MOVDDUP: the low half of a register or 64 bits of memory, twice. With YMM registers memory has 256 bits.
pub fn movddup(cx: &mut Cx<'_>) -> Lifted {
    let a = if cx.vex.wide {
        cx.xmm_m128(1)?
    } else {
        cx.xmm_low(Width::W64, 1)?
    };
    let r = cx.shuffle(a, a, by_lanes(Width::W64, |_| 0));
    cx.set_xmm(0, r)
}

/// PSHUFB. For MMX registers bit 3 of a selector does not count.
pub fn pshufb(cx: &mut Cx<'_>) -> Lifted {
    let mut b = cx.xmm_m128(1)?;
    if cx.is_mmx() {
        let counts = cx.vconst(0x8787_8787_8787_8787);
        b = cx.op(Op::VAnd, Width::W64, &[b, counts]);
    }
    let a = cx.xmm(0)?;
    let r = cx.op(Op::VPerm, Width::W8, &[a, b]);
    cx.set_xmm(0, r)
}

/// PALIGNR: operand 0 above operand 1, shifted right by bytes.
pub fn palignr(cx: &mut Cx<'_>) -> Lifted {
    let count = usize::from(cx.insn.immediate8());
    let size = if cx.is_mmx() { 8 } else { 16 };
    let select = std::array::from_fn(|i| {
        let from = i + count;
        let byte = if i >= size || from >= 2 * size {
            0x80
        } else if from < size {
            from
        } else {
            16 + from - size
        };
        u8::try_from(byte).unwrap_or(0x80)
    });
    let b = cx.xmm_m128(1)?;
    let a = cx.xmm(0)?;
    let r = cx.shuffle(b, a, select);
    cx.set_xmm(0, r)
}

/// Shifts operand 0 by bytes; counts above 15 clear it.
fn byte_shift(cx: &mut Cx<'_>, left: bool) -> Lifted {
    let count = usize::from(cx.insn.immediate8()).min(16);
    let select = std::array::from_fn(|i| {
        let from = if left {
            i.checked_sub(count)
        } else {
            Some(i + count).filter(|n| *n < 16)
        };
        from.and_then(|n| u8::try_from(n).ok()).unwrap_or(0x80)
    });
    let a = cx.xmm(0)?;
    let r = cx.shuffle(a, a, select);
    cx.set_xmm(0, r)
}

/// PSLLDQ
pub fn pslldq(cx: &mut Cx<'_>) -> Lifted {
    byte_shift(cx, true)
}

/// PSRLDQ
pub fn psrldq(cx: &mut Cx<'_>) -> Lifted {
    byte_shift(cx, false)
}
