//! Control transfer (SDM vol. 1, 5.1.7).

use super::cx::{Cx, Lifted};
use crate::ir::Term;
use crate::x86::{Cond, GuestAddr};

/// Jcc
pub fn jcc(cx: &mut Cx<'_>) -> Lifted {
    let cond = cx.cond(condition(cx));
    let taken = cx.jump_target(GuestAddr(cx.insn.near_branch_target()));
    let other = cx.target(cx.next_ip());
    cx.end(Term::Branch { cond, taken, other });
    Ok(())
}

/// The condition in the opcode.
pub fn condition(cx: &Cx<'_>) -> Cond {
    use iced_x86::ConditionCode as C;
    match cx.insn.condition_code() {
        C::None | C::o => Cond::O,
        C::no => Cond::No,
        C::b => Cond::B,
        C::ae => Cond::Ae,
        C::e => Cond::E,
        C::ne => Cond::Ne,
        C::be => Cond::Be,
        C::a => Cond::A,
        C::s => Cond::S,
        C::ns => Cond::Ns,
        C::p => Cond::P,
        C::np => Cond::Np,
        C::l => Cond::L,
        C::ge => Cond::Ge,
        C::le => Cond::Le,
        C::g => Cond::G,
    }
}
