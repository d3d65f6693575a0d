//! The instructions.

use super::flags::{self, Operand};
use super::{ADDRESS, Baseline, NEW, OLD, SCRATCH, X, Y, Z, g, off};
use crate::lift::quick::{Address, Alu, Bits, Kind, Quick, Scan, Shift};
use crate::lower::abi;
use crate::rv64::{Feature, Imm12, Shamt, Xreg};
use crate::x86::state::offset;
use crate::x86::{Cond, FlagOp, Gpr, GuestAddr, Width};

const RSP: Xreg = abi::gpr(Gpr::RSP);

impl Baseline {
    /// Lowers `q`. False if control does not go on behind it.
    #[allow(clippy::too_many_lines)] // One arm a kind.
    pub(super) fn instruction(&mut self, q: &Quick) -> bool {
        let w = q.w;
        match q.kind {
            Kind::MovReg { d, s } => self.put(d, w, g(s)),
            Kind::MovImm { d, imm } => self.put_constant(d, w, imm),
            Kind::Load { d, m } if w < Width::W32 => {
                let at = self.address(m);
                self.load(X, w, at);
                self.put(d, w, X);
            }
            Kind::Load { d, m } | Kind::LoadZero { d, m } => {
                let at = self.address(m);
                self.flags.changed(g(d));
                self.load(g(d), w, at);
            }
            Kind::LoadSign { d, m, to } => {
                let (base, disp) = self.address(m);
                let r = if to == Width::W64 { g(d) } else { X };
                self.flags.changed(g(d));
                match w {
                    Width::W8 => self.asm.lb(r, disp, base),
                    Width::W16 => self.asm.lh(r, disp, base),
                    _ => self.asm.lw(r, disp, base),
                }
                self.loaded();
                if r == X {
                    self.put(d, to, X);
                }
            }
            Kind::Store { s, m } => {
                let at = self.address(m);
                self.store(g(s), w, at);
            }
            Kind::StoreImm { imm, m } => {
                let at = self.address(m);
                let r = self.constant(X, i64::from(imm));
                self.store(r, w, at);
            }
            Kind::Zero { d, s } => {
                self.flags.changed(g(d));
                self.zext(g(d), g(s), w);
            }
            Kind::Sign { d, s, to } => {
                let r = if to == Width::W64 { g(d) } else { X };
                self.flags.changed(g(d));
                self.sext(r, g(s), w);
                if r == X {
                    self.put(d, to, X);
                }
            }
            Kind::Lea { d, m } => {
                let (base, disp) = self.address(m);
                if w == Width::W64 {
                    self.flags.changed(g(d));
                    self.asm.addi(g(d), base, disp);
                } else {
                    self.asm.addi(X, base, disp);
                    self.put(d, w, X);
                }
            }
            Kind::AluReg { op: Alu::Xor, d, s } if d == s && w >= Width::W32 => {
                self.set_flags(FlagOp::Logic, w, Operand::Const(0), Operand::Stored);
                self.flags.changed(g(d));
                self.asm.addi(g(d), Xreg::ZERO, Imm12::ZERO);
            }
            Kind::AluReg { op, d, s } => self.alu(op, w, d, Operand::Reg(g(s))),
            Kind::AluImm { op, d, imm } => match i32::try_from(imm) {
                Ok(imm) => self.alu(op, w, d, Operand::Const(imm)),
                Err(_) => {
                    self.flags.changed(NEW);
                    self.literal(NEW, imm.cast_unsigned());
                    self.alu(op, w, d, Operand::Reg(NEW));
                }
            },
            Kind::AluLoad { op, d, m } => {
                let at = self.address(m);
                self.flags.changed(NEW);
                self.load(NEW, w, at);
                self.alu(op, w, d, Operand::Reg(NEW));
            }
            Kind::AluStore { op, s, m } => self.alu_store(op, w, m, Operand::Reg(g(s))),
            Kind::AluStoreImm { op, imm, m } => {
                self.alu_store(op, w, m, Operand::Const(imm));
            }
            Kind::Inc { d, down } => self.inc(w, d, down),
            Kind::Not { d } => {
                self.asm.xori(X, g(d), Imm12::of(-1));
                self.put(d, w, X);
            }
            Kind::Neg { d } => {
                self.set_flags(FlagOp::Sub, w, Operand::Const(0), Operand::Reg(g(d)));
                self.asm.sub(X, Xreg::ZERO, g(d));
                self.put(d, w, X);
            }
            Kind::Shift { op, d, n } => self.shift(op, w, d, n),
            Kind::ShiftCl { op, d } => self.shift_cl(op, w, d),
            Kind::Xchg { d, s } => {
                self.asm.mv(X, g(d));
                self.put(d, w, g(s));
                self.put(s, w, X);
            }
            Kind::MulRax { s } => self.multiply_rax(w, g(s)),
            Kind::DivRax { s } => self.divide_rax(w, g(s)),
            Kind::Scan { op, d, s } => self.scan(op, w, d, g(s)),
            Kind::Bits { op, d, a, b } => self.bits(op, w, d, g(a), g(b)),
            Kind::SetStore { m, c } => {
                // An address uses none of what a condition does, and the other way round.
                let at = self.address(m);
                self.set(c);
                self.store(X, Width::W8, at);
            }
            Kind::PushLoad { m } => {
                let at = self.address(m);
                self.load(X, Width::W64, at);
                self.push(X);
            }
            Kind::Mul { d, s } => self.multiply(w, d, g(d), g(s)),
            Kind::MulImm { d, s, imm } => {
                let b = self.constant(Y, imm.into());
                self.multiply(w, d, g(s), b);
            }
            Kind::Leave => {
                let rbp = g(Gpr::RBP);
                self.load(X, Width::W64, (rbp, Imm12::ZERO));
                self.flags.changed(RSP);
                self.asm.addi(RSP, rbp, Imm12::of(8));
                self.put(Gpr::RBP, Width::W64, X);
            }
            Kind::MovVector { .. }
            | Kind::LoadVector { .. }
            | Kind::StoreVector { .. }
            | Kind::ZeroVector { .. }
            | Kind::Packed { .. }
            | Kind::PackedLoad { .. }
            | Kind::LoadLow { .. }
            | Kind::LoadHalf { .. }
            | Kind::StoreHalf { .. }
            | Kind::FromGpr { .. }
            | Kind::ToGpr { .. }
            | Kind::MoveMask { .. }
            | Kind::ZeroUpper => self.vector(q),
            Kind::SignOfRax => {
                self.sext(X, g(Gpr::RAX), w);
                self.asm.srai(X, X, Shamt::new(63));
                self.put(Gpr::RDX, w, X);
            }
            Kind::Push { s } => self.push(g(s)),
            Kind::PushImm { imm } => {
                let r = self.constant(X, imm);
                self.push(r);
            }
            Kind::Pop { d } => {
                self.load(X, Width::W64, (RSP, Imm12::ZERO));
                self.flags.changed(RSP);
                self.asm.addi(RSP, RSP, Imm12::of(8));
                self.put(d, Width::W64, X);
            }
            Kind::Set { d, c } => {
                self.set(c);
                self.put(d, Width::W8, X);
            }
            Kind::Cmov { d, s, c } => self.cmov(w, d, g(s), c),
            Kind::CmovLoad { d, m, c } => {
                let at = self.address(m);
                // A condition uses the others.
                self.load(ADDRESS, w, at);
                self.cmov(w, d, ADDRESS, c);
            }
            Kind::Nop => {}
            Kind::Jcc { c, to } => {
                let ready = self.condition(c);
                let taken = self.asm.label();
                self.branch(ready, taken);
                self.exit(GuestAddr(self.next));
                self.asm.bind(taken);
                self.exit(to);
                return false;
            }
            Kind::Jmp { to } => {
                self.exit(to);
                return false;
            }
            Kind::Call { to } => {
                self.literal(X, self.next);
                self.push(X);
                self.exit(to);
                return false;
            }
            Kind::Ret { extra } => {
                self.load(X, Width::W64, (RSP, Imm12::ZERO));
                self.look_up(X);
                let add = 8 + i64::from(extra);
                match Imm12::new(add) {
                    Some(i) => self.asm.addi(RSP, RSP, i),
                    None => {
                        self.asm.li(SCRATCH, add.cast_unsigned());
                        self.asm.add(RSP, RSP, SCRATCH);
                    }
                }
                self.asm.jalr(Xreg::ZERO, Imm12::ZERO, Y);
                return false;
            }
            Kind::JmpReg { s } => {
                self.look_up(g(s));
                self.asm.jalr(Xreg::ZERO, Imm12::ZERO, Y);
                return false;
            }
            Kind::JmpLoad { m } => {
                let at = self.address(m);
                self.load(X, Width::W64, at);
                self.look_up(X);
                self.asm.jalr(Xreg::ZERO, Imm12::ZERO, Y);
                return false;
            }
            Kind::CallReg { s } => {
                self.call_indirect(g(s));
                return false;
            }
            Kind::CallLoad { m } => {
                let at = self.address(m);
                self.load(X, Width::W64, at);
                self.call_indirect(X);
                return false;
            }
            // `knows` says so.
            Kind::Rotate { .. }
            | Kind::DivLoad { .. }
            | Kind::IdivRax { .. }
            | Kind::ScanLoad { .. }
            | Kind::Carry { .. }
            | Kind::Bswap { .. }
            | Kind::BitTest { .. }
            | Kind::BitTestImm { .. }
            | Kind::AluHigh { .. }
            | Kind::XchgLoad { .. }
            | Kind::Locked { .. }
            | Kind::LockedImm { .. }
            | Kind::Repeat { .. }
            | Kind::Lifted { .. }
            | Kind::System(_) => unreachable!("left to the evaluator"),
        }
        true
    }

    /// Whether there is code for `q` here; the rest is evaluated.
    pub(super) fn knows(&self, q: &Quick) -> bool {
        match q.kind {
            Kind::Rotate { .. }
            | Kind::DivLoad { .. }
            | Kind::IdivRax { .. }
            | Kind::ScanLoad { .. }
            | Kind::Carry { .. }
            | Kind::Bswap { .. }
            | Kind::BitTest { .. }
            | Kind::BitTestImm { .. }
            | Kind::AluHigh { .. }
            | Kind::XchgLoad { .. }
            | Kind::Locked { .. }
            | Kind::LockedImm { .. }
            | Kind::Repeat { .. }
            | Kind::Lifted { .. }
            | Kind::System(_) => false,
            Kind::Scan { .. } => self.has(Feature::Zbb),
            Kind::Packed { .. }
            | Kind::PackedLoad { .. }
            | Kind::FromGpr { .. }
            | Kind::ToGpr { .. }
            | Kind::MoveMask { .. }
            | Kind::LoadLow { .. }
            | Kind::LoadHalf { .. }
            | Kind::StoreHalf { .. } => self.resident() && self.isa.vlen() <= 1024,
            _ => true,
        }
    }

    /// A register with `c`, perhaps `r`.
    fn constant(&mut self, r: Xreg, c: i64) -> Xreg {
        if c == 0 {
            return Xreg::ZERO;
        }
        self.asm.li(r, c.cast_unsigned());
        r
    }

    fn put_constant(&mut self, d: Gpr, w: Width, imm: u64) {
        match w {
            Width::W64 | Width::W32 => {
                self.flags.changed(g(d));
                self.literal(g(d), w.zext(imm));
            }
            _ => {
                self.asm.li(X, w.zext(imm));
                self.put(d, w, X);
            }
        }
    }

    /// `r` = a `op` b, of which the low bits count; what the flags are made of must be stored before if `r`
    /// is an operand.
    fn compute(&mut self, op: Alu, r: Xreg, a: Xreg, b: Operand) {
        let b = match b {
            Operand::Reg(b) => b,
            Operand::Const(c) => {
                let c = i64::from(c);
                let c = if op == Alu::Sub { -c } else { c };
                if let Some(i) = Imm12::new(c) {
                    return match op {
                        Alu::Add | Alu::Sub | Alu::Cmp => self.asm.addi(r, a, i),
                        Alu::And | Alu::Test => self.asm.andi(r, a, i),
                        Alu::Or => self.asm.ori(r, a, i),
                        Alu::Xor => self.asm.xori(r, a, i),
                    };
                }
                self.asm.li(SCRATCH, c.cast_unsigned());
                if op == Alu::Sub {
                    return self.asm.add(r, a, SCRATCH);
                }
                SCRATCH
            }
            Operand::Stored => Xreg::ZERO,
        };
        match op {
            Alu::Add => self.asm.add(r, a, b),
            Alu::Sub | Alu::Cmp => self.asm.sub(r, a, b),
            Alu::And | Alu::Test => self.asm.and(r, a, b),
            Alu::Or => self.asm.or(r, a, b),
            Alu::Xor => self.asm.xor(r, a, b),
        }
    }

    /// d = d `op` b.
    fn alu(&mut self, op: Alu, w: Width, d: Gpr, b: Operand) {
        let a = g(d);
        match op {
            Alu::Cmp => self.set_flags(FlagOp::Sub, w, Operand::Reg(a), b),
            Alu::Test if b == Operand::Reg(a) => {
                self.set_flags(FlagOp::Logic, w, Operand::Reg(a), Operand::Stored);
            }
            Alu::Test => {
                self.flags.changed(OLD);
                self.compute(op, OLD, a, b);
                self.set_flags(FlagOp::Logic, w, Operand::Reg(OLD), Operand::Stored);
            }
            Alu::Add | Alu::Sub => {
                self.set_flags(flags::of(op), w, Operand::Reg(a), b);
                if w == Width::W64 {
                    self.flags.changed(a);
                    self.compute(op, a, a, b);
                } else {
                    self.compute(op, X, a, b);
                    self.put(d, w, X);
                }
            }
            Alu::And | Alu::Or | Alu::Xor if w == Width::W64 => {
                self.flags.changed(a);
                self.compute(op, a, a, b);
                self.set_flags(FlagOp::Logic, w, Operand::Reg(a), Operand::Stored);
            }
            Alu::And | Alu::Or | Alu::Xor => {
                self.compute(op, X, a, b);
                self.put(d, w, X);
                self.set_flags(FlagOp::Logic, w, Operand::Reg(a), Operand::Stored);
            }
        }
    }

    /// Memory = memory `op` b.
    fn alu_store(&mut self, op: Alu, w: Width, m: Address, b: Operand) {
        let at = self.address(m);
        self.flags.changed(OLD);
        self.load(OLD, w, at);
        match op {
            Alu::Cmp => self.set_flags(FlagOp::Sub, w, Operand::Reg(OLD), b),
            Alu::Test => {
                self.compute(op, OLD, OLD, b);
                self.set_flags(FlagOp::Logic, w, Operand::Reg(OLD), Operand::Stored);
            }
            Alu::Add | Alu::Sub => {
                self.compute(op, X, OLD, b);
                self.store(X, w, at);
                self.set_flags(flags::of(op), w, Operand::Reg(OLD), b);
            }
            Alu::And | Alu::Or | Alu::Xor => {
                self.compute(op, OLD, OLD, b);
                self.store(OLD, w, at);
                self.set_flags(FlagOp::Logic, w, Operand::Reg(OLD), Operand::Stored);
            }
        }
    }

    fn inc(&mut self, w: Width, d: Gpr, down: bool) {
        if self.sets_flags() {
            self.set(Cond::B);
            self.asm.sd(X, off(offset::FLAG_C), abi::STATE);
        }
        let (op, by) = if down {
            (FlagOp::SubKeepCarry, -1)
        } else {
            (FlagOp::AddKeepCarry, 1)
        };
        self.set_flags(op, w, Operand::Reg(g(d)), Operand::Const(1));
        self.asm.addi(X, g(d), Imm12::of(by));
        self.put(d, w, X);
    }

    /// `lift::shift` says what the flags are where the manual leaves them undefined.
    fn shift(&mut self, op: Shift, w: Width, d: Gpr, n: u8) {
        let by = Shamt::new(n.into());
        let last = Shamt::new(u64::from(n) - 1);
        let wide = w == Width::W64;
        let a = if wide {
            g(d)
        } else {
            // Shifts need the bits above.
            match op {
                Shift::Sar => self.sext(Y, g(d), w),
                Shift::Shl | Shift::Shr => self.zext(Y, g(d), w),
            }
            Y
        };
        match op {
            Shift::Shl => self.asm.slli(X, a, by),
            Shift::Shr => self.asm.srli(X, a, by),
            Shift::Sar => self.asm.srai(X, a, by),
        }
        if self.sets_flags() {
            // CF in Z, and OF in bit 11.
            match op {
                Shift::Shl => {
                    if wide {
                        self.asm.srli(Z, a, Shamt::new(64 - u64::from(n)));
                    } else {
                        self.asm.srli(Z, X, Shamt::new(w.bits().into()));
                    }
                    self.asm.andi(Z, Z, Imm12::of(1));
                    self.overflow_of_left(w);
                }
                Shift::Shr => {
                    self.asm.srli(Z, a, last);
                    self.asm.andi(Z, Z, Imm12::of(1));
                    if n == 1 {
                        self.asm
                            .srli(SCRATCH, a, Shamt::new(u64::from(w.bits()) - 1));
                        self.asm.slli(SCRATCH, SCRATCH, Shamt::new(11));
                        self.asm.or(Z, Z, SCRATCH);
                    }
                }
                Shift::Sar => {
                    self.asm.srai(Z, a, last);
                    self.asm.andi(Z, Z, Imm12::of(1));
                }
            }
        }
        self.put(d, w, X);
        let b = Operand::Reg(Z);
        self.set_flags(FlagOp::Result, w, Operand::Reg(g(d)), b);
        self.flags.changed(Z);
    }

    /// Adds OF to the CF in `Z`: whether it differs from the result's sign, in `X`.
    fn overflow_of_left(&mut self, w: Width) {
        self.asm
            .srli(SCRATCH, X, Shamt::new(u64::from(w.bits()) - 1));
        self.asm.andi(SCRATCH, SCRATCH, Imm12::of(1));
        self.asm.xor(SCRATCH, SCRATCH, Z);
        self.asm.slli(SCRATCH, SCRATCH, Shamt::new(11));
        self.asm.or(Z, Z, SCRATCH);
    }

    /// A count of 0 changes no flags, and of 32 bits clears those above.
    fn shift_cl(&mut self, op: Shift, w: Width, d: Gpr) {
        let count = g(Gpr::RCX);
        let a = match (w, op) {
            (Width::W64, _) => g(d),
            (_, Shift::Sar) => {
                self.sext(Y, g(d), w);
                Y
            }
            _ => {
                self.zext(Y, g(d), w);
                Y
            }
        };
        // RISC-V takes the count modulo the register's width, as x86 does.
        match (op, w) {
            (Shift::Shl, Width::W64) => self.asm.sll(X, a, count),
            (Shift::Shr, Width::W64) => self.asm.srl(X, a, count),
            (Shift::Sar, Width::W64) => self.asm.sra(X, a, count),
            (Shift::Shl, _) => self.asm.sllw(X, a, count),
            (Shift::Shr, _) => self.asm.srlw(X, a, count),
            (Shift::Sar, _) => self.asm.sraw(X, a, count),
        }
        if !self.sets_flags() {
            self.flags.forget();
            return self.put(d, w, X);
        }
        let none = self.asm.label();
        let mask = i64::from(w.bits()) - 1;
        self.asm.andi(SCRATCH, count, Imm12::of(mask));
        self.branch((crate::lower::control::Test::Eq, SCRATCH, Xreg::ZERO), none);
        // CF: the bit that the last step moved out.
        match op {
            Shift::Shl => {
                self.asm.addi(Z, Xreg::ZERO, Imm12::of(i64::from(w.bits())));
                self.asm.sub(Z, Z, SCRATCH);
                self.asm.srl(Z, a, Z);
                self.asm.andi(Z, Z, Imm12::of(1));
                self.overflow_of_left(w);
            }
            Shift::Shr => {
                self.asm.addi(Z, SCRATCH, Imm12::of(-1));
                self.asm.srl(ADDRESS, a, Z);
                self.asm.andi(ADDRESS, ADDRESS, Imm12::of(1));
                // The top bit before: OF if the count is 1.
                self.asm.sltiu(Z, Z, Imm12::of(1));
                self.asm
                    .srli(SCRATCH, a, Shamt::new(u64::from(w.bits()) - 1));
                self.asm.and(Z, Z, SCRATCH);
                self.asm.slli(Z, Z, Shamt::new(11));
                self.asm.or(Z, Z, ADDRESS);
            }
            Shift::Sar => {
                self.asm.addi(Z, SCRATCH, Imm12::of(-1));
                self.asm.sra(Z, a, Z);
                self.asm.andi(Z, Z, Imm12::of(1));
            }
        }
        self.set_flags(FlagOp::Result, w, Operand::Reg(X), Operand::Reg(Z));
        self.asm.bind(none);
        // Which flags there are now depends on the count.
        self.flags.forget();
        self.put(d, w, X);
    }

    /// MUL: CF and OF say whether the high half is not 0.
    fn multiply_rax(&mut self, w: Width, s: Xreg) {
        let rax = g(Gpr::RAX);
        if w == Width::W64 {
            self.asm.mulhu(Y, rax, s);
            self.asm.mul(X, rax, s);
        } else {
            self.zext(X, rax, w);
            self.zext(Y, s, w);
            self.asm.mul(X, X, Y);
            self.asm.srli(Y, X, Shamt::new(32));
        }
        if self.sets_flags() {
            self.asm.sltu(Z, Xreg::ZERO, Y);
            self.asm.slli(SCRATCH, Z, Shamt::new(11));
            self.asm.or(Z, Z, SCRATCH);
        }
        self.put(Gpr::RAX, w, X);
        self.put(Gpr::RDX, w, Y);
        self.set_flags(FlagOp::Result, w, Operand::Reg(rax), Operand::Reg(Z));
        self.flags.changed(Z);
    }

    /// DIV of what fits one register, the quotient too; the rest is evaluated. Flags stay.
    fn divide_rax(&mut self, w: Width, s: Xreg) {
        let (rax, rdx) = (g(Gpr::RAX), g(Gpr::RDX));
        let stub = self.evaluate();
        if w == Width::W64 {
            self.asm.bne_to(rdx, Xreg::ZERO, stub);
            self.asm.beq_to(s, Xreg::ZERO, stub);
            self.asm.divu(X, rax, s);
            self.asm.remu(Y, rax, s);
        } else {
            self.zext(X, rdx, w);
            self.zext(Y, s, w);
            // So the quotient fits; a divisor of 0 is below nothing.
            self.asm.bgeu_to(X, Y, stub);
            self.asm.slli(X, X, Shamt::new(32));
            self.zext(Z, rax, w);
            self.asm.or(Z, X, Z);
            self.asm.divu(X, Z, Y);
            self.asm.remu(Y, Z, Y);
        }
        self.put(Gpr::RAX, w, X);
        self.put(Gpr::RDX, w, Y);
    }

    /// With Zbb.
    fn scan(&mut self, op: Scan, w: Width, d: Gpr, s: Xreg) {
        let narrow = w == Width::W32;
        match (op, narrow) {
            (Scan::Bsf | Scan::Tzcnt, false) => self.asm.ctz(X, s),
            (Scan::Bsf | Scan::Tzcnt, true) => self.asm.ctzw(X, s),
            (Scan::Bsr | Scan::Lzcnt, false) => self.asm.clz(X, s),
            (Scan::Bsr | Scan::Lzcnt, true) => self.asm.clzw(X, s),
        }
        if matches!(op, Scan::Tzcnt | Scan::Lzcnt) {
            if self.sets_flags() {
                self.zext(Y, s, w);
                self.asm.sltiu(Z, Y, Imm12::of(1));
            }
            self.put(d, w, X);
            self.set_flags(FlagOp::Result, w, Operand::Reg(g(d)), Operand::Reg(Z));
            return self.flags.changed(Z);
        }
        self.flags.changed(OLD);
        self.zext(OLD, s, w);
        self.set_flags(FlagOp::Logic, w, Operand::Reg(OLD), Operand::Stored);
        if op == Scan::Bsr {
            // The count is below the width, which is a power of two.
            self.asm.xori(X, X, Imm12::of(i64::from(w.bits()) - 1));
        }
        let over = self.asm.label();
        self.branch((crate::lower::control::Test::Eq, OLD, Xreg::ZERO), over);
        self.flags.changed(g(d));
        self.asm.mv(g(d), X);
        self.asm.bind(over);
    }

    fn bits(&mut self, op: Bits, w: Width, d: Gpr, a: Xreg, b: Xreg) {
        let narrow = w == Width::W32;
        match op {
            Bits::Shlx if narrow => self.asm.sllw(X, a, b),
            Bits::Shlx => self.asm.sll(X, a, b),
            Bits::Shrx if narrow => self.asm.srlw(X, a, b),
            Bits::Shrx => self.asm.srl(X, a, b),
            Bits::Sarx if narrow => self.asm.sraw(X, a, b),
            Bits::Sarx => self.asm.sra(X, a, b),
            Bits::Andn => {
                self.asm.xori(X, a, Imm12::of(-1));
                self.asm.and(X, X, b);
            }
            Bits::Blsr | Bits::Blsmsk => {
                self.asm.addi(X, b, Imm12::of(-1));
                if op == Bits::Blsr {
                    self.asm.and(X, X, b);
                } else {
                    self.asm.xor(X, X, b);
                }
            }
            Bits::Blsi => {
                self.asm.sub(X, Xreg::ZERO, b);
                self.asm.and(X, X, b);
            }
            Bits::Bzhi => {
                self.asm.andi(Y, b, Imm12::of(255));
                self.asm.sltiu(Z, Y, Imm12::of(i64::from(w.bits())));
                self.zext(X, a, w);
                let whole = self.asm.label();
                self.asm.beq_to(Z, Xreg::ZERO, whole);
                self.asm.addi(SCRATCH, Xreg::ZERO, Imm12::of(-1));
                self.asm.sll(SCRATCH, SCRATCH, Y);
                self.asm.xori(SCRATCH, SCRATCH, Imm12::of(-1));
                self.asm.and(X, X, SCRATCH);
                self.asm.bind(whole);
                self.asm.xori(Z, Z, Imm12::of(1));
            }
        }
        match op {
            Bits::Shlx | Bits::Shrx | Bits::Sarx => return self.put(d, w, X),
            Bits::Andn => {
                self.put(d, w, X);
                return self.set_flags(FlagOp::Logic, w, Operand::Reg(g(d)), Operand::Stored);
            }
            Bits::Bzhi => {}
            Bits::Blsr | Bits::Blsmsk | Bits::Blsi => {
                if self.sets_flags() {
                    self.zext(Z, b, w);
                    if op == Bits::Blsi {
                        self.asm.sltu(Z, Xreg::ZERO, Z);
                    } else {
                        self.asm.sltiu(Z, Z, Imm12::of(1));
                    }
                }
            }
        }
        self.put(d, w, X);
        self.set_flags(FlagOp::Result, w, Operand::Reg(g(d)), Operand::Reg(Z));
        self.flags.changed(Z);
    }

    /// IMUL with two or three operands.
    fn multiply(&mut self, w: Width, d: Gpr, a: Xreg, b: Xreg) {
        if w == Width::W64 {
            if self.sets_flags() {
                self.asm.mulh(Z, a, b);
            }
            self.asm.mul(X, a, b);
            if self.sets_flags() {
                self.asm.srai(SCRATCH, X, Shamt::new(63));
                self.asm.sub(Z, Z, SCRATCH);
            }
        } else {
            self.sext(X, a, w);
            self.sext(Y, b, w);
            self.asm.mul(X, X, Y);
            if self.sets_flags() {
                self.sext(Z, X, w);
                self.asm.sub(Z, Z, X);
            }
        }
        if self.sets_flags() {
            // CF and OF, if the product does not fit.
            self.asm.sltu(Z, Xreg::ZERO, Z);
            self.asm.slli(SCRATCH, Z, Shamt::new(11));
            self.asm.or(Z, Z, SCRATCH);
        }
        self.put(d, w, X);
        self.set_flags(FlagOp::Result, w, Operand::Reg(g(d)), Operand::Reg(Z));
        self.flags.changed(Z);
    }

    fn push(&mut self, s: Xreg) {
        self.store(s, Width::W64, (RSP, Imm12::of(-8)));
        self.flags.changed(RSP);
        self.asm.addi(RSP, RSP, Imm12::of(-8));
    }

    /// `X` = whether `c` holds.
    fn set(&mut self, c: Cond) {
        use crate::lower::control::Test;
        let (test, a, b) = self.condition(c);
        match test {
            Test::Eq | Test::Ne => {
                let r = match (a, b) {
                    (Xreg::ZERO, r) | (r, Xreg::ZERO) => r,
                    _ => {
                        self.asm.xor(X, a, b);
                        X
                    }
                };
                if test == Test::Eq {
                    self.asm.sltiu(X, r, Imm12::of(1));
                } else {
                    self.asm.sltu(X, Xreg::ZERO, r);
                }
            }
            Test::Lt | Test::Ge => self.asm.slt(X, a, b),
            Test::Ltu | Test::Geu => self.asm.sltu(X, a, b),
        }
        if matches!(test, Test::Ge | Test::Geu) {
            self.asm.xori(X, X, Imm12::of(1));
        }
    }

    fn cmov(&mut self, w: Width, d: Gpr, s: Xreg, c: Cond) {
        let (test, a, b) = self.condition(c);
        let over = self.asm.label();
        self.branch((test.invert(), a, b), over);
        self.flags.changed(g(d));
        self.asm.mv(g(d), s);
        self.asm.bind(over);
        if w == Width::W32 {
            self.zext(g(d), g(d), w);
        }
    }

    /// `Y` = the code for the guest address in `a`; left for evaluation if there is none.
    fn look_up(&mut self, a: Xreg) {
        let miss = self.evaluate();
        self.asm
            .ld(SCRATCH, super::vcpu(abi::slot::LOOKUP), abi::STATE);
        let up = u64::from(64 - abi::LOOKUP_BITS);
        self.asm.slli(Y, a, Shamt::new(up));
        self.asm.srli(Y, Y, Shamt::new(up - 4));
        self.asm.add(Y, Y, SCRATCH);
        self.asm.ld(SCRATCH, Imm12::ZERO, Y);
        self.asm.bne_to(SCRATCH, a, miss);
        self.asm.ld(Y, Imm12::of(8), Y);
    }

    fn call_indirect(&mut self, a: Xreg) {
        self.look_up(a);
        self.literal(X, self.next);
        self.push(X);
        self.asm.jalr(Xreg::ZERO, Imm12::ZERO, Y);
    }
}
