//! String instructions (SDM vol. 1, 5.1.8).
//!
//! With a REP prefix the instruction is a loop of its own: a header that tests the count and has a
//! safepoint, and a body for one element. Registers change once an element, after everything in it that
//! can fault, so a fault or a signal finds them exact and the instruction restarts where it was.

use super::cx::{Cx, Lifted, Unsupported};
use super::data::segment_offset;
use crate::ir::{BlockId, Op, Target, Term, Value, Var};
use crate::x86::{Cond, Gpr, Width};
use iced_x86::{Mnemonic, OpKind};

/// What one element does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Movs,
    Stos,
    Lods,
    Scas,
    Cmps,
}

/// MOVS, STOS, LODS, SCAS, CMPS, with and without REP, REPE and REPNE.
pub fn string(cx: &mut Cx<'_>) -> Lifted {
    let (element, w) = match cx.insn.mnemonic() {
        Mnemonic::Movsb => (Element::Movs, Width::W8),
        Mnemonic::Movsw => (Element::Movs, Width::W16),
        Mnemonic::Movsd => (Element::Movs, Width::W32),
        Mnemonic::Movsq => (Element::Movs, Width::W64),
        Mnemonic::Stosb => (Element::Stos, Width::W8),
        Mnemonic::Stosw => (Element::Stos, Width::W16),
        Mnemonic::Stosd => (Element::Stos, Width::W32),
        Mnemonic::Stosq => (Element::Stos, Width::W64),
        Mnemonic::Lodsb => (Element::Lods, Width::W8),
        Mnemonic::Lodsw => (Element::Lods, Width::W16),
        Mnemonic::Lodsd => (Element::Lods, Width::W32),
        Mnemonic::Lodsq => (Element::Lods, Width::W64),
        Mnemonic::Scasb => (Element::Scas, Width::W8),
        Mnemonic::Scasw => (Element::Scas, Width::W16),
        Mnemonic::Scasd => (Element::Scas, Width::W32),
        Mnemonic::Scasq => (Element::Scas, Width::W64),
        Mnemonic::Cmpsb => (Element::Cmps, Width::W8),
        Mnemonic::Cmpsw => (Element::Cmps, Width::W16),
        Mnemonic::Cmpsd => (Element::Cmps, Width::W32),
        Mnemonic::Cmpsq => (Element::Cmps, Width::W64),
        _ => return Err(Unsupported),
    };
    let short = (0..cx.insn.op_count()).any(|n| {
        matches!(
            cx.insn.op_kind(n),
            OpKind::MemorySegESI | OpKind::MemoryESEDI | OpKind::MemorySegEDI
        )
    });
    let compares = matches!(element, Element::Scas | Element::Cmps);
    if !(cx.insn.has_rep_prefix() || cx.insn.has_repne_prefix()) {
        one(cx, element, w, short);
        return Ok(());
    }
    // On MOVS, STOS and LODS both prefixes mean REP.
    let (header, body) = (cx.new_block(), cx.new_block());
    let done = cx.target(cx.next_ip());
    cx.end_and_continue(Term::Jump(Target::Block(header)), header);
    cx.poll_here();
    let rcx = cx.gpr(Gpr::RCX);
    let zero = cx.is_zero(if short { Width::W32 } else { Width::W64 }, rcx);
    cx.end_and_continue(
        Term::Branch {
            cond: zero,
            taken: done,
            other: Target::Block(body),
        },
        body,
    );
    if matches!(element, Element::Movs | Element::Stos) && !short && !cx.out.steps {
        many(cx, element, w, header);
    }
    let equal = one(cx, element, w, short);
    let rcx = cx.gpr(Gpr::RCX);
    let left = cx.add_imm(if short { Width::W32 } else { Width::W64 }, rcx, -1);
    cx.set_gpr(Gpr::RCX, left);
    if cx.out.steps {
        return one_step(cx, equal.filter(|_| compares), short, done);
    }
    match equal {
        Some(equal) if compares => {
            let (taken, other) = if cx.insn.has_repne_prefix() {
                (done, Target::Block(header))
            } else {
                (Target::Block(header), done)
            };
            cx.end(Term::Branch {
                cond: equal,
                taken,
                other,
            });
        }
        _ => cx.end(Term::Jump(Target::Block(header))),
    }
    Ok(())
}

/// Ends after one element: the instruction is over, or begins again.
fn one_step(cx: &mut Cx<'_>, equal: Option<Value>, short: bool, done: Target) -> Lifted {
    let count = cx.new_block();
    let end = match equal {
        None => Term::Jump(Target::Block(count)),
        Some(cond) if cx.insn.has_repne_prefix() => Term::Branch {
            cond,
            taken: done,
            other: Target::Block(count),
        },
        Some(cond) => Term::Branch {
            cond,
            taken: Target::Block(count),
            other: done,
        },
    };
    cx.end_and_continue(end, count);
    let rcx = cx.gpr(Gpr::RCX);
    let cond = cx.is_zero(if short { Width::W32 } else { Width::W64 }, rcx);
    cx.end(Term::Branch {
        cond,
        taken: done,
        other: Target::Exit(cx.ip()),
    });
    Ok(())
}

/// As many elements as the engine does at once, if it does any and DF is 0; else goes on with one.
fn many(cx: &mut Cx<'_>, element: Element, w: Width, header: BlockId) {
    let (df, zero) = (cx.get(Var::Df), cx.konst(0));
    let (rdi, rcx) = (cx.gpr(Gpr::RDI), cx.gpr(Gpr::RCX));
    let most = cx.select(df, zero, rcx);
    let n = if element == Element::Movs {
        let rsi = cx.gpr(Gpr::RSI);
        let from = segment_offset(cx, rsi);
        cx.op(Op::RepMovs, w, &[rdi, from, most])
    } else {
        let rax = cx.gpr(Gpr::RAX);
        cx.op(Op::RepStos, w, &[rdi, rax, most])
    };
    let log2 = cx.konst(u64::from(w.bytes().trailing_zeros()));
    let bytes = cx.op(Op::Shl, Width::W64, &[n, log2]);
    if element == Element::Movs {
        let rsi = cx.gpr(Gpr::RSI);
        let rsi = cx.add(Width::W64, rsi, bytes);
        cx.set_gpr(Gpr::RSI, rsi);
    }
    let rdi = cx.add(Width::W64, rdi, bytes);
    cx.set_gpr(Gpr::RDI, rdi);
    let left = cx.sub(Width::W64, rcx, n);
    cx.set_gpr(Gpr::RCX, left);
    let single = cx.new_block();
    cx.end_and_continue(
        Term::Branch {
            cond: n,
            taken: Target::Block(header),
            other: Target::Block(single),
        },
        single,
    );
}

/// One element. For comparisons: whether it was equal.
fn one(cx: &mut Cx<'_>, element: Element, w: Width, short: bool) -> Option<Value> {
    let size = cx.konst(w.bytes());
    let back = cx.konst(w.bytes().wrapping_neg());
    let df = cx.get(Var::Df);
    let step = cx.select(df, back, size);
    let index = |cx: &mut Cx<'_>, r: Gpr| {
        let v = cx.gpr(r);
        if short {
            cx.op(Op::Zext, Width::W32, &[v])
        } else {
            v
        }
    };
    let advance = |cx: &mut Cx<'_>, r: Gpr| {
        let v = cx.gpr(r);
        let v = cx.add(if short { Width::W32 } else { Width::W64 }, v, step);
        cx.set_gpr(r, v);
    };
    let source = |cx: &mut Cx<'_>| {
        let rsi = index(cx, Gpr::RSI);
        let addr = segment_offset(cx, rsi);
        cx.load(w, addr, 0)
    };
    match element {
        Element::Movs => {
            let v = source(cx);
            let rdi = index(cx, Gpr::RDI);
            cx.store(w, rdi, 0, v);
            advance(cx, Gpr::RSI);
            advance(cx, Gpr::RDI);
            None
        }
        Element::Stos => {
            let v = cx.gpr(Gpr::RAX);
            let rdi = index(cx, Gpr::RDI);
            cx.store(w, rdi, 0, v);
            advance(cx, Gpr::RDI);
            None
        }
        Element::Lods => {
            let v = source(cx);
            cx.write_place(
                super::cx::Place::Reg {
                    reg: Gpr::RAX,
                    lsb: 0,
                    w,
                },
                v,
            );
            advance(cx, Gpr::RSI);
            None
        }
        Element::Scas => {
            let rdi = index(cx, Gpr::RDI);
            let v = cx.load(w, rdi, 0);
            let a = cx.gpr(Gpr::RAX);
            compare(cx, w, a, v, &[Gpr::RDI], advance)
        }
        Element::Cmps => {
            // The order shows when both fault: CPUs read [RDI] first.
            let rdi = index(cx, Gpr::RDI);
            let b = cx.load(w, rdi, 0);
            let a = source(cx);
            compare(cx, w, a, b, &[Gpr::RSI, Gpr::RDI], advance)
        }
    }
}

fn compare(
    cx: &mut Cx<'_>,
    w: Width,
    a: Value,
    b: Value,
    registers: &[Gpr],
    advance: impl Fn(&mut Cx<'_>, Gpr),
) -> Option<Value> {
    let f = cx.op(Op::FlSub, w, &[a, b]);
    cx.set_flags(f);
    for r in registers {
        advance(cx, *r);
    }
    Some(cx.op_imm(Op::CondOf, Width::W64, &[f], 0, Cond::E as u16))
}
