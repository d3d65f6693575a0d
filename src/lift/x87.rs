//! x87 (SDM vol. 1, 5.2): every instruction becomes a call of a helper on the register stack, after what
//! needs the rest of the guest's state: addresses, loads, conditions, flags.
//!
//! Loads come before the call, so their faults are those of ordinary loads; stores, and operands of ten
//! bytes, are the helper's. Control instructions are in `sse::x87_control`.

use super::cx::{Cx, Lifted, Unsupported};
use super::table::rows;
use crate::ir::{Helper, Op, Value};
use crate::x86::x87op::{X87Op, X87Place, X87Word};
use crate::x86::{Cond, Width};
use iced_x86::{Code, MemorySize, Mnemonic, OpKind, Register};

/// Calls the helper: the word, the address of the memory operand, a value.
fn call(cx: &mut Cx<'_>, word: X87Word, at: Option<Value>, value: Option<Value>) -> Value {
    let word = cx.konst(word.encode());
    let zero = cx.konst(0);
    let args = [word, at.unwrap_or(zero), value.unwrap_or(zero)];
    cx.op_imm(Op::Call, Width::W64, &args, 0, Helper::X87 as u16)
}

fn word(cx: &Cx<'_>, op: X87Op) -> X87Word {
    X87Word {
        op,
        place: X87Place::Source,
        index: 0,
        pops: pops(cx.insn.mnemonic()),
        ip: cx.ip(),
    }
}

/// How many registers the mnemonic pops.
fn pops(m: Mnemonic) -> u8 {
    match m {
        Mnemonic::Fcompp | Mnemonic::Fucompp => 2,
        Mnemonic::Fstp
        | Mnemonic::Fistp
        | Mnemonic::Fisttp
        | Mnemonic::Fbstp
        | Mnemonic::Faddp
        | Mnemonic::Fmulp
        | Mnemonic::Fsubp
        | Mnemonic::Fsubrp
        | Mnemonic::Fdivp
        | Mnemonic::Fdivrp
        | Mnemonic::Fcomp
        | Mnemonic::Fucomp
        | Mnemonic::Ficomp
        | Mnemonic::Fcomip
        | Mnemonic::Fucomip
        | Mnemonic::Ffreep => 1,
        _ => 0,
    }
}

/// The stack register that operand `n` names.
fn stack_register(cx: &Cx<'_>, n: u32) -> Result<u8, Unsupported> {
    let r = cx.insn.op_register(n);
    if cx.insn.op_kind(n) != OpKind::Register || !r.is_st() {
        return Err(Unsupported);
    }
    u8::try_from(r as u32 - Register::ST0 as u32).map_err(|_| Unsupported)
}

/// The format of the memory operand.
fn memory_place(cx: &Cx<'_>) -> Result<X87Place, Unsupported> {
    Ok(match cx.insn.memory_size() {
        MemorySize::Float32 => X87Place::M32,
        MemorySize::Float64 => X87Place::M64,
        MemorySize::Float80 | MemorySize::Bcd => X87Place::M80,
        MemorySize::Int16 => X87Place::I16,
        MemorySize::Int32 => X87Place::I32,
        MemorySize::Int64 => X87Place::I64,
        _ => return Err(Unsupported),
    })
}

/// The address of the memory operand in one value, and what a load from it gives, if the helper does not
/// load itself.
fn memory_source(cx: &mut Cx<'_>, place: X87Place) -> Result<(Value, Option<Value>), Unsupported> {
    let (addr, disp) = cx.address()?;
    let (w, signed) = match place {
        X87Place::M32 => (Width::W32, false),
        X87Place::I16 => (Width::W16, true),
        X87Place::I32 => (Width::W32, true),
        X87Place::M64 | X87Place::I64 => (Width::W64, false),
        _ => return Ok((joined(cx, addr, disp), None)),
    };
    let mut v = cx.load(w, addr, disp);
    if signed {
        v = cx.op(Op::Sext, w, &[v]);
    }
    Ok((joined(cx, addr, disp), Some(v)))
}

fn joined(cx: &mut Cx<'_>, addr: Value, disp: i64) -> Value {
    if disp == 0 {
        addr
    } else {
        cx.add_imm(Width::W64, addr, disp)
    }
}

fn uses_memory(cx: &Cx<'_>) -> bool {
    (0..cx.insn.op_count()).any(|n| cx.insn.op_kind(n) == OpKind::Memory)
}

/// An operation on ST(0) and a memory operand or another register.
fn with_source(cx: &mut Cx<'_>, op: X87Op) -> Result<Value, Unsupported> {
    let mut word = word(cx, op);
    if uses_memory(cx) {
        word.place = memory_place(cx)?;
        let (at, value) = memory_source(cx, word.place)?;
        return Ok(call(cx, word, Some(at), value));
    }
    match cx.insn.op_count() {
        // FCOMPP and FUCOMPP compare with ST(1).
        0 => word.index = 1,
        1 => word.index = stack_register(cx, 0)?,
        _ if stack_register(cx, 1)? == 0 && writes_second(cx.insn.code()) => {
            word.place = X87Place::Dest;
            word.index = stack_register(cx, 0)?;
        }
        _ => word.index = stack_register(cx, 1)?,
    }
    Ok(call(cx, word, None, None))
}

/// Whether the instruction's destination is ST(i): DC and DE with a register.
fn writes_second(code: Code) -> bool {
    matches!(
        code,
        Code::Fadd_sti_st0
            | Code::Fmul_sti_st0
            | Code::Fsub_sti_st0
            | Code::Fsubr_sti_st0
            | Code::Fdiv_sti_st0
            | Code::Fdivr_sti_st0
            | Code::Faddp_sti_st0
            | Code::Fmulp_sti_st0
            | Code::Fsubp_sti_st0
            | Code::Fsubrp_sti_st0
            | Code::Fdivp_sti_st0
            | Code::Fdivrp_sti_st0
    )
}

macro_rules! sources {
    ($($(#[$doc:meta])* $name:ident $op:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(cx: &mut Cx<'_>) -> Lifted {
            with_source(cx, X87Op::$op).map(|_| ())
        }
    )*};
}

sources! {
    /// FLD, FILD
    fld Ld;
    /// FBLD
    fbld Bld;
    /// FADD, FADDP, FIADD
    fadd Add;
    /// FMUL, FMULP, FIMUL
    fmul Mul;
    /// FSUB, FSUBP, FISUB
    fsub Sub;
    /// FSUBR, FSUBRP, FISUBR
    fsubr Subr;
    /// FDIV, FDIVP, FIDIV
    fdiv Div;
    /// FDIVR, FDIVRP, FIDIVR
    fdivr Divr;
    /// FCOM, FCOMP, FCOMPP, FICOM, FICOMP
    fcom Com;
    /// FUCOM, FUCOMP, FUCOMPP
    fucom Ucom;
    /// FXCH
    fxch Xch;
    /// FFREE, and FFREEP, which pops, too.
    ffree Free;
}

/// A store: converted and written by the helper, so that the pop comes after the write.
fn store(cx: &mut Cx<'_>, op: X87Op) -> Lifted {
    let mut word = word(cx, op);
    if uses_memory(cx) {
        word.place = memory_place(cx)?;
        let (addr, disp) = cx.address()?;
        let at = joined(cx, addr, disp);
        call(cx, word, Some(at), None);
    } else {
        word.place = X87Place::Dest;
        word.index = stack_register(cx, 0)?;
        call(cx, word, None, None);
    }
    Ok(())
}

/// FST, FSTP, FIST, FISTP
pub fn fst(cx: &mut Cx<'_>) -> Lifted {
    store(cx, X87Op::St)
}

/// FISTTP, of SSE3
pub fn fisttp(cx: &mut Cx<'_>) -> Lifted {
    store(cx, X87Op::Istt)
}

/// FSTPNCE, an undocumented FSTP that checks less.
pub fn fstpnce(cx: &mut Cx<'_>) -> Lifted {
    store(cx, X87Op::Stnce)
}

/// FBSTP
pub fn fbstp(cx: &mut Cx<'_>) -> Lifted {
    store(cx, X87Op::Bst)
}

/// FCOMI, FCOMIP, FUCOMI, FUCOMIP: into ZF, PF and CF; OF, SF and AF become 0.
pub fn fcomi(cx: &mut Cx<'_>) -> Lifted {
    let quiet = matches!(cx.insn.mnemonic(), Mnemonic::Fucomi | Mnemonic::Fucomip);
    let flags = with_source(cx, if quiet { X87Op::Ucomi } else { X87Op::Comi })?;
    let flags = cx.raw_flags(flags);
    cx.set_flags(flags);
    Ok(())
}

/// FCMOVcc
pub fn fcmov(cx: &mut Cx<'_>) -> Lifted {
    let cond = match cx.insn.mnemonic() {
        Mnemonic::Fcmovb => Cond::B,
        Mnemonic::Fcmove => Cond::E,
        Mnemonic::Fcmovbe => Cond::Be,
        Mnemonic::Fcmovu => Cond::P,
        Mnemonic::Fcmovnb => Cond::Ae,
        Mnemonic::Fcmovne => Cond::Ne,
        Mnemonic::Fcmovnbe => Cond::A,
        Mnemonic::Fcmovnu => Cond::Np,
        _ => return Err(Unsupported),
    };
    let mut word = word(cx, X87Op::Cmov);
    word.index = stack_register(cx, 1)?;
    let cond = cx.cond(cond);
    call(cx, word, None, Some(cond));
    Ok(())
}

/// FLD1 and the other constants.
pub fn constant(cx: &mut Cx<'_>) -> Lifted {
    let mut word = word(cx, X87Op::LdConst);
    word.index = match cx.insn.mnemonic() {
        Mnemonic::Fld1 => 0,
        Mnemonic::Fldl2t => 1,
        Mnemonic::Fldl2e => 2,
        Mnemonic::Fldpi => 3,
        Mnemonic::Fldlg2 => 4,
        Mnemonic::Fldln2 => 5,
        Mnemonic::Fldz => 6,
        _ => return Err(Unsupported),
    };
    call(cx, word, None, None);
    Ok(())
}

/// Instructions without explicit operands.
pub fn implicit(cx: &mut Cx<'_>) -> Lifted {
    let op = match cx.insn.mnemonic() {
        Mnemonic::Ftst => X87Op::Tst,
        Mnemonic::Fxam => X87Op::Xam,
        Mnemonic::Fabs => X87Op::Abs,
        Mnemonic::Fchs => X87Op::Chs,
        Mnemonic::Fsqrt => X87Op::Sqrt,
        Mnemonic::Frndint => X87Op::Rndint,
        Mnemonic::Fscale => X87Op::Scale,
        Mnemonic::Fxtract => X87Op::Xtract,
        Mnemonic::Fprem => X87Op::Prem,
        Mnemonic::Fprem1 => X87Op::Prem1,
        Mnemonic::F2xm1 => X87Op::F2xm1,
        Mnemonic::Fyl2x => X87Op::Yl2x,
        Mnemonic::Fyl2xp1 => X87Op::Yl2xp1,
        Mnemonic::Fsin => X87Op::Sin,
        Mnemonic::Fcos => X87Op::Cos,
        Mnemonic::Fsincos => X87Op::Sincos,
        Mnemonic::Fptan => X87Op::Ptan,
        Mnemonic::Fpatan => X87Op::Patan,
        Mnemonic::Fincstp => X87Op::Incstp,
        Mnemonic::Fdecstp => X87Op::Decstp,
        Mnemonic::Fnop => X87Op::Nop,
        _ => return Err(Unsupported),
    };
    let word = word(cx, op);
    call(cx, word, None, None);
    Ok(())
}

/// FNSAVE and FRSTOR.
pub fn save(cx: &mut Cx<'_>) -> Lifted {
    let (helper, short) = match cx.insn.code() {
        Code::Fnsave_m94byte => (Helper::Fnsave, 1),
        Code::Fnsave_m108byte => (Helper::Fnsave, 0),
        Code::Frstor_m94byte => (Helper::Frstor, 1),
        Code::Frstor_m108byte => (Helper::Frstor, 0),
        _ => return Err(Unsupported),
    };
    let (addr, disp) = cx.address()?;
    let at = joined(cx, addr, disp);
    let short = cx.konst(short);
    cx.op_imm(Op::Call, Width::W64, &[at, short], 0, helper as u16);
    Ok(())
}

/// FNENI and FNDISI: the 8087's interrupt control, which later units ignore.
#[allow(clippy::unnecessary_wraps)] // All lift functions have this type.
pub fn ignored(_: &mut Cx<'_>) -> Lifted {
    Ok(())
}

rows! {
    X87 {
        Fld | Fild => fld, "Load floating-point or integer value";
        Fbld => fbld, "Load binary coded decimal";
        Fst | Fstp => fst, "Store floating-point value";
        Fstpnce => fstpnce, "Store floating-point value without stack fault";
        Fist | Fistp => fst, "Store integer";
        Fisttp => fisttp, "Store integer, truncating, and pop";
        Fbstp => fbstp, "Store binary coded decimal and pop";
        Fxch => fxch, "Exchange registers";
        Fcmovb | Fcmove | Fcmovbe | Fcmovu | Fcmovnb | Fcmovne | Fcmovnbe | Fcmovnu
            => fcmov, "Move if condition is met";
        Fadd | Faddp | Fiadd => fadd, "Add";
        Fmul | Fmulp | Fimul => fmul, "Multiply";
        Fsub | Fsubp | Fisub => fsub, "Subtract";
        Fsubr | Fsubrp | Fisubr => fsubr, "Subtract reversed";
        Fdiv | Fdivp | Fidiv => fdiv, "Divide";
        Fdivr | Fdivrp | Fidivr => fdivr, "Divide reversed";
        Fcom | Fcomp | Fcompp | Ficom | Ficomp => fcom, "Compare";
        Fucom | Fucomp | Fucompp => fucom, "Unordered compare";
        Fcomi | Fcomip | Fucomi | Fucomip => fcomi, "Compare and set EFLAGS";
        Fld1 | Fldl2t | Fldl2e | Fldpi | Fldlg2 | Fldln2 | Fldz => constant, "Load constant";
        Ftst => implicit, "Test against zero";
        Fxam => implicit, "Examine";
        Fabs => implicit, "Absolute value";
        Fchs => implicit, "Change sign";
        Fsqrt => implicit, "Square root";
        Frndint => implicit, "Round to integer";
        Fscale => implicit, "Scale by power of two";
        Fxtract => implicit, "Extract exponent and significand";
        Fprem | Fprem1 => implicit, "Partial remainder";
        F2xm1 => implicit, "2 to the power of x, minus 1";
        Fyl2x | Fyl2xp1 => implicit, "y times the binary logarithm of x, or of x + 1";
        Fsin | Fcos | Fsincos => implicit, "Sine and cosine";
        Fptan => implicit, "Tangent";
        Fpatan => implicit, "Arc tangent";
        Fincstp | Fdecstp => implicit, "Turn the register stack";
        Ffree | Ffreep => ffree, "Free register";
        Fnop => implicit, "No operation";
        Fnsave | Frstor => save, "Save and restore the x87 state";
        Fneni | Fndisi | Fnsetpm => ignored, "Control of the 8087 and 80287: ignored";
    }
}
