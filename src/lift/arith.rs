//! Binary arithmetic and logical instructions (SDM vol. 1, 5.1.2 and 5.1.4).

use super::cx::{Cx, Lifted};
use crate::ir::Op;

/// ADD
pub fn add(cx: &mut Cx<'_>) -> Lifted {
    let w = cx.width(0)?;
    let p = cx.place(0)?;
    let b = cx.read(1)?;
    let a = cx.read_place(p);
    let r = cx.add(w, a, b);
    cx.write_place(p, r);
    let f = cx.op(Op::FlAdd, w, &[a, b]);
    cx.set_flags(f);
    Ok(())
}
