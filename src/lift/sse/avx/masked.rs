//! Masked moves and gathers: helpers, as each element may be accessed or not, and a gather that faults
//! has done the elements before and says so in its mask.

use super::super::state;
use super::{Cx, Lifted, Unsupported, is_wide};
use crate::ir::{Helper, Value, Var};
use crate::x86::Width;
use crate::x86::vsib::{Gather, Masked};
use iced_x86::{Mnemonic, Register};

/// VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ
pub fn maskmov(cx: &mut Cx<'_>) -> Lifted {
    let store = cx.is_mem(0);
    let quad = matches!(
        cx.insn.mnemonic(),
        Mnemonic::Vmaskmovpd | Mnemonic::Vpmaskmovq
    );
    let masked = Masked {
        register: cx.vector_number(if store { 2 } else { 0 })?,
        mask: cx.vector_number(1)?,
        store,
        quad,
        wide: is_wide(cx),
        short: is_short(cx),
    };
    let addr = cx.effective_address()?;
    let segment = segment_base(cx);
    let word = cx.konst(masked.encode());
    state::call(cx, Helper::MaskMov, &[addr, word, segment]);
    Ok(())
}

/// VGATHERDPS, VPGATHERDD and their kin.
pub fn gather(cx: &mut Cx<'_>) -> Lifted {
    use Mnemonic::{
        Vgatherdpd, Vgatherdps, Vgatherqpd, Vgatherqps, Vpgatherdd, Vpgatherdq, Vpgatherqd,
        Vpgatherqq,
    };
    let (quad_index, quad) = match cx.insn.mnemonic() {
        Vgatherdps | Vpgatherdd => (false, false),
        Vgatherdpd | Vpgatherdq => (false, true),
        Vgatherqps | Vpgatherqd => (true, false),
        Vgatherqpd | Vpgatherqq => (true, true),
        _ => return Err(Unsupported),
    };
    let index = cx.insn.memory_index();
    if !(index.is_xmm() || index.is_ymm()) {
        return Err(Unsupported);
    }
    let base = cx.insn.memory_base();
    let gather = Gather {
        register: cx.vector_number(0)?,
        mask: cx.vector_number(2)?,
        index: u8::try_from(index.number()).map_err(|_| Unsupported)?,
        quad_index,
        quad,
        // Either the index register or the destination has the instruction's length.
        wide: is_wide(cx) || index.is_ymm(),
        scale: u8::try_from(cx.insn.memory_index_scale().trailing_zeros())
            .map_err(|_| Unsupported)?,
        short: is_short(cx),
    };
    let disp = cx.insn.memory_displacement64();
    let base = if base == Register::None {
        cx.konst(disp)
    } else {
        let (reg, _, _) = Cx::gpr_of(base)?;
        let base = cx.gpr(reg);
        cx.add_imm(Width::W64, base, disp.cast_signed())
    };
    let segment = segment_base(cx);
    let word = cx.konst(gather.encode());
    state::call(cx, Helper::Gather, &[base, word, segment]);
    Ok(())
}

/// Whether addresses wrap at 32 bits: each element's does so by itself.
fn is_short(cx: &Cx<'_>) -> bool {
    let insn = cx.insn;
    let (base, index) = (insn.memory_base(), insn.memory_index());
    base.is_gpr32()
        || base == Register::EIP
        || index.is_gpr32()
        || base == Register::None && !index.is_gpr() && insn.memory_displ_size() == 4
}

/// The base of the memory operand's segment.
fn segment_base(cx: &mut Cx<'_>) -> Value {
    match cx.insn.memory_segment() {
        Register::FS => cx.get(Var::FsBase),
        Register::GS => cx.get(Var::GsBase),
        r => {
            cx.stack |= r == Register::SS;
            cx.konst(0)
        }
    }
}
