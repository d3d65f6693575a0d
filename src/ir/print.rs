//! IR as text. `parse` reads the same format back.

use super::{Block, Inst, Op, Region, Target, Term, Ty, Var};
use std::fmt;

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Var::Gpr(r) => f.write_str(r.name()),
            Var::Xmm(n) => write!(f, "xmm{n}"),
            Var::Flags => f.write_str("flags"),
            Var::Df => f.write_str("df"),
            Var::RflagsOther => f.write_str("rflags.other"),
            Var::FsBase => f.write_str("fs.base"),
            Var::GsBase => f.write_str("gs.base"),
            Var::Fsw => f.write_str("fsw"),
            Var::Ftw => f.write_str("ftw"),
            Var::Selectors => f.write_str("selectors"),
            Var::Mm(n) => write!(f, "mm{n}"),
            Var::YmmHi(n) => write!(f, "ymm{n}.hi"),
        }
    }
}

impl Var {
    /// The variable with this printed name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Var> {
        (0..Var::COUNT as u64)
            .filter_map(Var::decode)
            .find(|v| v.to_string() == name)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Block(b) => write!(f, "b{}", b.0),
            Target::Exit(a) => write!(f, "exit {a}"),
        }
    }
}

impl fmt::Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.op.name(), self.w)?;
        if let Some(var) = self.var() {
            write!(f, " {var}")?;
        }
        for a in self.args() {
            write!(f, " v{}", a.0)?;
        }
        if self.imm != 0 && self.var().is_none() {
            write!(f, " #{:#x}", self.imm)?;
        }
        if self.aux != 0 {
            write!(f, " @{}", self.aux)?;
        }
        if self.lazy {
            f.write_str(" lazy")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::IndirectKind::{Call, Jump, Ret};
        match self {
            Term::Jump(t) => write!(f, "jump {t}"),
            Term::Call { target, ret } => write!(f, "call {target} ret {ret}"),
            Term::Branch { cond, taken, other } => {
                write!(f, "branch v{} {taken} else {other}", cond.0)
            }
            Term::Indirect {
                addr,
                kind: Jump { at },
            } => write!(f, "indirect v{} at {at}", addr.0),
            Term::Indirect {
                addr,
                kind: Call { ret },
            } => write!(f, "indirect v{} ret {ret}", addr.0),
            Term::Indirect {
                addr,
                kind: Ret { at, pop },
            } => write!(f, "return v{} at {at} pop {pop}", addr.0),
            Term::Syscall { next } => write!(f, "syscall {next}"),
            Term::Trap { trap, rip } => write!(f, "trap {} {rip}", trap.name()),
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, inst) in self.insts.iter().enumerate() {
            if inst.ty() == Ty::None {
                let indent = if inst.op == Op::Insn { "  " } else { "    " };
                writeln!(f, "{indent}{inst}")?;
            } else {
                writeln!(f, "    v{i} = {inst}")?;
            }
        }
        writeln!(f, "    {}", self.term)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (start, len) in &self.source {
            writeln!(f, "source {start} {len}")?;
        }
        writeln!(f, "insns {}", self.guest_insns)?;
        for c in &self.pool {
            write!(f, "pool ")?;
            c.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
            writeln!(f)?;
        }
        for (i, b) in self.blocks.iter().enumerate() {
            writeln!(f, "b{i} {}{}:", b.addr, if b.entry { " entry" } else { "" })?;
            write!(f, "{b}")?;
        }
        Ok(())
    }
}
