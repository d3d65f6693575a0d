//! x87 control instructions (SDM vol. 1, 5.2.7), which programs use that compute with SSE: C libraries
//! read and set both rounding modes. The arithmetic is not here.

use super::state::{call, full_address};
use super::{Cx, Lifted, Width};
use crate::ir::Helper;
use iced_x86::Code;

/// FNINIT
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn fninit(cx: &mut Cx<'_>) -> Lifted {
    call(cx, Helper::Fninit, &[]);
    Ok(())
}

/// FNCLEX
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn fnclex(cx: &mut Cx<'_>) -> Lifted {
    call(cx, Helper::Fnclex, &[]);
    Ok(())
}

/// WAIT
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn wait(cx: &mut Cx<'_>) -> Lifted {
    call(cx, Helper::Fwait, &[]);
    Ok(())
}

/// FNSTCW
pub fn fnstcw(cx: &mut Cx<'_>) -> Lifted {
    let v = call(cx, Helper::Fnstcw, &[]);
    cx.write(0, v)
}

/// FLDCW
pub fn fldcw(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.load_scalar(Width::W16)?;
    call(cx, Helper::Fldcw, &[v]);
    Ok(())
}

/// FNSTSW: to AX or memory.
pub fn fnstsw(cx: &mut Cx<'_>) -> Lifted {
    let v = call(cx, Helper::Fnstsw, &[]);
    cx.write(0, v)
}

fn environment(cx: &mut Cx<'_>, helper: Helper) -> Lifted {
    let short = matches!(cx.insn.code(), Code::Fnstenv_m14byte | Code::Fldenv_m14byte);
    let addr = full_address(cx)?;
    let short = cx.konst(short.into());
    call(cx, helper, &[addr, short]);
    Ok(())
}

/// FNSTENV
pub fn fnstenv(cx: &mut Cx<'_>) -> Lifted {
    environment(cx, Helper::Fnstenv)
}

/// FLDENV
pub fn fldenv(cx: &mut Cx<'_>) -> Lifted {
    environment(cx, Helper::Fldenv)
}
