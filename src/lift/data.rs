//! Data transfer (SDM vol. 1, 5.1.1).

use super::cx::{Cx, Lifted};

/// MOV: also from and to segment registers.
pub fn mov(cx: &mut Cx<'_>) -> Lifted {
    let v = cx.read(1)?;
    cx.write(0, v)
}
