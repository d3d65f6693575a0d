//! MXCSR and FXSAVE (SDM vol. 1, 5.5.3 and 10.5). A region ends after the instructions that load
//! MXCSR: code is translated for its modes.

use super::{Cx, Lifted, Op, Value, Width};
use crate::ir::Helper;

/// Calls a helper.
pub(super) fn call(cx: &mut Cx<'_>, helper: Helper, args: &[Value]) -> Value {
    cx.op_imm(Op::Call, Width::W64, args, 0, helper as u16)
}

/// The address of the memory operand in one value.
pub(super) fn full_address(cx: &mut Cx<'_>) -> Result<Value, super::Unsupported> {
    let (addr, disp) = cx.address()?;
    Ok(if disp == 0 {
        addr
    } else {
        cx.add_imm(Width::W64, addr, disp)
    })
}

/// LDMXCSR
pub fn ldmxcsr(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.load_scalar(Width::W32)?;
    call(cx, Helper::Ldmxcsr, &[v]);
    Ok(())
}

/// STMXCSR
pub fn stmxcsr(cx: &mut Cx<'_>) -> Lifted {
    let v = call(cx, Helper::Stmxcsr, &[]);
    let (addr, disp) = cx.address()?;
    cx.store(Width::W32, addr, disp, v);
    Ok(())
}

fn image(cx: &mut Cx<'_>, helper: Helper, wide: u64) -> Lifted {
    let addr = full_address(cx)?;
    let wide = cx.konst(wide);
    call(cx, helper, &[addr, wide]);
    Ok(())
}

/// FXSAVE
pub fn fxsave(cx: &mut Cx<'_>) -> Lifted {
    image(cx, Helper::Fxsave, 0)
}

/// FXSAVE64
pub fn fxsave64(cx: &mut Cx<'_>) -> Lifted {
    image(cx, Helper::Fxsave, 1)
}

/// FXRSTOR
pub fn fxrstor(cx: &mut Cx<'_>) -> Lifted {
    image(cx, Helper::Fxrstor, 0)
}

/// FXRSTOR64
pub fn fxrstor64(cx: &mut Cx<'_>) -> Lifted {
    image(cx, Helper::Fxrstor, 1)
}
