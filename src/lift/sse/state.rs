//! MXCSR, FXSAVE and XSAVE (SDM vol. 1, 5.5.3, 5.21, 10.5 and chapter 13). A region ends after the instructions that load
//! MXCSR: code is translated for its modes.

use super::{Cx, Lifted, Op, Value, Width};
use crate::ir::Helper;
use crate::x86::Gpr;
use iced_x86::Mnemonic;

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

/// XSAVE and its kin: the components in EDX:EAX.
fn area(cx: &mut Cx<'_>, helper: Helper, format: u64) -> Lifted {
    let addr = full_address(cx)?;
    let wide = matches!(
        cx.insn.mnemonic(),
        Mnemonic::Xsave64 | Mnemonic::Xsaveopt64 | Mnemonic::Xsavec64 | Mnemonic::Xrstor64
    );
    let format = cx.konst(format | u64::from(wide) << 2);
    let low = cx.gpr(Gpr::RAX);
    let low = cx.op(Op::Zext, Width::W32, &[low]);
    let high = cx.gpr(Gpr::RDX);
    let high = cx.shl_imm(Width::W64, high, 32);
    let mask = cx.or(Width::W64, high, low);
    call(cx, helper, &[addr, format, mask]);
    Ok(())
}

/// XSAVE, XSAVE64
pub fn xsave(cx: &mut Cx<'_>) -> Lifted {
    area(cx, Helper::Xsave, 0)
}

/// XSAVEOPT, XSAVEOPT64
pub fn xsaveopt(cx: &mut Cx<'_>) -> Lifted {
    area(cx, Helper::Xsave, 1)
}

/// XSAVEC, XSAVEC64
pub fn xsavec(cx: &mut Cx<'_>) -> Lifted {
    area(cx, Helper::Xsave, 2)
}

/// XRSTOR, XRSTOR64
pub fn xrstor(cx: &mut Cx<'_>) -> Lifted {
    area(cx, Helper::Xrstor, 0)
}

/// XGETBV: the extended control register that ECX names into EDX:EAX.
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn xgetbv(cx: &mut Cx<'_>) -> Lifted {
    let n = cx.gpr(Gpr::RCX);
    let n = cx.op(Op::Zext, Width::W32, &[n]);
    let v = call(cx, Helper::Xgetbv, &[n]);
    let low = cx.op(Op::Zext, Width::W32, &[v]);
    let high = cx.shr_imm(Width::W64, v, 32);
    cx.set_gpr(Gpr::RAX, low);
    cx.set_gpr(Gpr::RDX, high);
    Ok(())
}

/// FXRSTOR
pub fn fxrstor(cx: &mut Cx<'_>) -> Lifted {
    image(cx, Helper::Fxrstor, 0)
}

/// FXRSTOR64
pub fn fxrstor64(cx: &mut Cx<'_>) -> Lifted {
    image(cx, Helper::Fxrstor, 1)
}
