//! Where the values of a block are, and in which form: the local register allocator.
//!
//! A value is somewhere (a guest's register it was read from, a temporary, memory, nowhere but known)
//! and what is there may be less than the value as IR defines it: `Form`. Whoever needs more asks for
//! it (`exact`, `sext`, `low`), and only then is it converted.
//!
//! Invariants: a temporary may hold several values (a value and its truncation); a value read from a
//! guest register stays an alias of it until the register is about to change, and is then moved
//! away. Registers handed out are pinned until the next instruction begins.

use super::{Lowerer, abi};
use crate::ir::Value;
use crate::rv64::Feature;
use crate::rv64::{Assembler, Freg, Imm12, Shamt, Vreg, Xreg};
use crate::x86::{Gpr, Width};

/// What a register holds of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// All 64 bits as IR defines them.
    Exact,
    /// The value fits the width and the register holds its sign extension.
    Sext(Width),
    /// The value fits the width and only so many low bits are right.
    Low(Width),
}

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loc {
    /// Nowhere: not computed, or not needed any more.
    None,
    /// In the host register of a guest register.
    Guest(Gpr),
    /// In a temporary.
    Temp(Xreg),
    /// At this byte offset of the register file: a spill slot, or a variable's home.
    Mem(u16),
    /// An F value in this register.
    F(Freg),
    /// A V128 value in this register's low 128 bits.
    V(Vreg),
    /// A V128 value in the 128 bits above, where YMM registers are resident.
    High(Vreg),
}

/// A value of the block being lowered.
#[derive(Clone, Copy, Debug)]
pub struct Val {
    /// Where it is.
    pub loc: Loc,
    /// What of it.
    pub form: Form,
    /// It is below 2 to the power of this.
    pub bits: u32,
    /// It is the sign extension of so many low bits of it.
    pub signed: u32,
    /// Its value, if known.
    pub konst: Option<u64>,
}

impl Val {
    /// Not computed.
    pub const NEW: Val = Val {
        loc: Loc::None,
        form: Form::Exact,
        bits: 64,
        signed: 64,
        konst: None,
    };
}

/// The spill slots in use, by number.
#[derive(Clone, Copy, Default)]
pub struct Slots(u128);

impl Slots {
    const COUNT: usize = crate::x86::state::SCRATCH_WORDS - abi::slot::SPILL;
    /// Those that are something else.
    const TAKEN: u128 = 0b11 << (abi::slot::ZEROS - abi::slot::SPILL);

    /// The first of `words` free consecutive ones.
    fn find(self, words: usize) -> Option<usize> {
        let wanted = (1 << words) - 1;
        (0..=Self::COUNT - words)
            .step_by(words)
            .find(|i| (self.0 | Self::TAKEN) >> i & wanted == 0)
    }

    /// Takes `words` from number `i` on.
    pub fn take(&mut self, i: usize, words: usize) {
        self.0 |= ((1 << words) - 1) << i;
    }

    /// Frees `words` from number `i` on.
    pub fn free(&mut self, i: usize, words: usize) {
        self.0 &= !(((1 << words) - 1) << i);
    }
}

const _: () = assert!(Slots::COUNT <= 128);

impl Lowerer<'_> {
    /// What guest register `g` holds.
    pub(super) fn form(&self, g: Gpr) -> Form {
        if self.short >> g.num() & 1 != 0 {
            Form::Sext(Width::W32)
        } else {
            Form::Exact
        }
    }

    fn set_form(&mut self, g: Gpr, form: Form) {
        debug_assert!(matches!(form, Form::Exact | Form::Sext(Width::W32)));
        self.short &= !(1 << g.num());
        self.short |= u16::from(form != Form::Exact) << g.num();
    }

    /// Begins a position: forgets values nobody needs any more, unpins all registers.
    pub(super) fn begin(&mut self, at: u32) {
        self.at = at;
        self.pinned = 0;
        self.ended = Slots::default();
        if self.dies < at {
            self.release(at);
        }
    }

    /// Ends the reading of arguments: those needed no longer may be overwritten by the result.
    pub(super) fn args_done(&mut self) {
        if self.dies <= self.at {
            let before = self.slots;
            self.release(self.at + 1);
            self.ended.0 |= before.0 & !self.slots.0;
        }
    }

    /// Forgets the values last needed before position `at`.
    fn release(&mut self, at: u32) {
        let mut dies = u32::MAX;
        let mut kept = 0;
        for i in 0..self.live.len() {
            let v = self.live[i];
            let last_use = self.facts.of[v.index()].last_use;
            if last_use >= at {
                dies = dies.min(last_use);
                self.live[kept] = v;
                kept += 1;
            } else {
                self.free_slot(v);
                self.vals[v.index()].loc = Loc::None;
            }
        }
        self.live.truncate(kept);
        self.dies = dies;
    }

    /// True if a value needed later is in temporary `r`, besides `except`.
    fn temp_shared(&self, r: Xreg, except: Value) -> bool {
        self.live
            .iter()
            .any(|v| *v != except && self.vals[v.index()].loc == Loc::Temp(r))
    }

    fn pin(&mut self, r: Xreg) -> Xreg {
        self.pinned |= 1 << r.num();
        r
    }

    /// Puts `v` on the list of values that are somewhere.
    pub(super) fn place(&mut self, v: Value, loc: Loc, form: Form) {
        let val = &mut self.vals[v.index()];
        // On the list are only those that are somewhere, and known ones that were.
        let new = val.loc == Loc::None && val.konst.is_none();
        debug_assert!(!new || !self.live.contains(&v));
        val.loc = loc;
        val.form = form;
        if new || !self.live.contains(&v) {
            self.live.push(v);
            self.dies = self.dies.min(self.facts.of[v.index()].last_use);
        }
    }

    /// The temporaries (bit = number) with values that are needed.
    fn temps_used(&self) -> u32 {
        (self.live.iter()).fold(0, |used, v| match self.vals[v.index()].loc {
            Loc::Temp(r) => used | 1 << r.num(),
            _ => used,
        })
    }

    /// A temporary nobody uses, spilling if need be. Pinned.
    pub(super) fn temp(&mut self) -> Xreg {
        let taken = self.pinned | self.temps_used();
        let free = |r: &&Xreg| taken >> r.num() & 1 == 0;
        let free = abi::TEMPS.iter().find(free).copied();
        let r = free.unwrap_or_else(|| self.evict());
        self.pin(r)
    }

    /// Empties the unpinned temporary whose values are needed last; known ones first.
    fn evict(&mut self) -> Xreg {
        let worth = |l: &Self, r: Xreg| {
            let inside = l
                .live
                .iter()
                .filter(|v| l.vals[v.index()].loc == Loc::Temp(r));
            inside
                .map(|v| {
                    if l.vals[v.index()].konst.is_some() {
                        u32::MAX
                    } else {
                        l.facts.of[v.index()].last_use
                    }
                })
                .min()
        };
        let unpinned = abi::TEMPS
            .iter()
            .copied()
            .filter(|r| self.pinned >> r.num() & 1 == 0);
        let victim = unpinned
            .max_by_key(|r| worth(self, *r))
            .expect("an instruction pins fewer registers");
        for i in 0..self.live.len() {
            let v = self.live[i];
            if self.vals[v.index()].loc != Loc::Temp(victim) {
                continue;
            }
            if self.vals[v.index()].konst.is_some() {
                self.vals[v.index()].loc = Loc::None;
                self.vals[v.index()].form = Form::Exact;
                continue;
            }
            // Not where an argument lies that may still have to be read.
            let off = self.slot_beside(1, self.ended);
            self.asm.sd(victim, self.off(off), abi::STATE);
            self.vals[v.index()].loc = Loc::Mem(off);
        }
        victim
    }

    /// Byte offset of `words` free consecutive words of the scratch area.
    pub(super) fn slot(&mut self, words: usize) -> u16 {
        self.slot_beside(words, Slots::default())
    }

    /// The same, and none of `others`.
    fn slot_beside(&mut self, words: usize, others: Slots) -> u16 {
        let Some(i) = Slots(self.slots.0 | others.0).find(words) else {
            // The code is thrown away; any place will do.
            self.too_complex = true;
            return u16::try_from(abi::scratch(abi::slot::RESULT)).expect("small");
        };
        self.slots.take(i, words);
        u16::try_from(abi::scratch(abi::slot::SPILL + i)).expect("small")
    }

    /// Frees the spill slot `v` is in, if it is in one.
    pub(super) fn free_slot(&mut self, v: Value) {
        let val = &self.vals[v.index()];
        let Loc::Mem(off) = val.loc else { return };
        if let Some(bytes) = usize::from(off).checked_sub(abi::scratch(abi::slot::SPILL)) {
            let i = bytes / 8;
            let words = if val.bits == 128 { 2 } else { 1 };
            self.slots.free(i, words);
        }
    }

    /// Frees `words` words of the scratch area from byte offset `off` on.
    pub(super) fn free_words(&mut self, off: u16, words: usize) {
        if let Some(bytes) = usize::from(off).checked_sub(abi::scratch(abi::slot::SPILL)) {
            self.slots.free(bytes / 8, words);
        }
    }

    /// An offset from the state pointer.
    pub(super) fn off(&self, off: u16) -> Imm12 {
        Imm12::of(i64::from(off))
    }

    /// Puts constant `c` into `r`: short ones as instructions, long ones from the literal pool.
    pub(super) fn constant(&mut self, r: Xreg, c: u64) {
        if Assembler::li_length(c) <= 3 {
            self.asm.li(r, c);
        } else {
            let l = self.literal(&[c]);
            self.asm.ld_from(r, l);
        }
    }

    /// Where `v` is, in a register: loads it or makes it if it is not in one. Form as it is.
    #[inline]
    fn any(&mut self, v: Value) -> Xreg {
        match self.vals[v.index()].loc {
            Loc::Guest(g) => self.pin(abi::gpr(g)),
            Loc::Temp(r) => self.pin(r),
            _ => self.brought(v),
        }
    }

    /// A register for `v`, which is in none.
    fn brought(&mut self, v: Value) -> Xreg {
        let val = self.vals[v.index()];
        if let Loc::Mem(off) = val.loc {
            let r = self.temp();
            self.asm.ld(r, self.off(off), abi::STATE);
            self.free_slot(v);
            self.place(v, Loc::Temp(r), val.form);
            return r;
        }
        // F and V128 values are asked for elsewhere.
        debug_assert!(val.konst.is_some(), "v{} is nowhere", v.0);
        let c = val.konst.unwrap_or(0);
        if c == 0 {
            return Xreg::ZERO;
        }
        let r = self.temp();
        self.constant(r, c);
        self.place(v, Loc::Temp(r), Form::Exact);
        r
    }

    /// A register with `v` as IR defines it.
    pub(super) fn exact(&mut self, v: Value) -> Xreg {
        match self.vals[v.index()].form {
            Form::Exact => self.any(v),
            Form::Sext(w) | Form::Low(w) => self.convert(v, w, false),
        }
    }

    /// A register whose low `w` bits are those of `v`.
    pub(super) fn low(&mut self, v: Value, w: Width) -> Xreg {
        let val = self.vals[v.index()];
        if let (Some(c), Loc::None) = (val.konst, val.loc) {
            return self.short_constant(v, c, w);
        }
        match val.form {
            Form::Sext(k) | Form::Low(k) if k < w => self.exact(v),
            _ => self.any(v),
        }
    }

    /// Constant `c` of which the low `w` bits count, sign-extended: the cheapest form.
    fn short_constant(&mut self, v: Value, c: u64, w: Width) -> Xreg {
        let s = w.sext(c).cast_unsigned();
        if s == c {
            return self.any(v);
        }
        let r = self.temp();
        self.constant(r, s);
        r
    }

    /// A register with the low `w` bits of `v` sign-extended.
    pub(super) fn sext(&mut self, v: Value, w: Width) -> Xreg {
        let val = self.vals[v.index()];
        if let (Some(c), Loc::None) = (val.konst, val.loc) {
            return self.short_constant(v, c, w);
        }
        match val.form {
            Form::Sext(k) if k == w => self.any(v),
            Form::Exact if w == Width::W64 || val.bits < w.bits() || val.signed <= w.bits() => {
                self.any(v)
            }
            Form::Sext(k) | Form::Low(k) if k < w => {
                let r = self.exact(v);
                // Wider than the value: no sign to extend.
                debug_assert!(k < w);
                r
            }
            _ => self.convert(v, w, true),
        }
    }

    /// How many instructions `exact` or `sext` at width `w` would take.
    pub(super) fn cost(&self, v: Value, w: Width, signed: bool) -> u32 {
        let val = self.vals[v.index()];
        if val.konst.is_some() {
            return 0;
        }
        let free = match val.form {
            Form::Exact if signed => val.bits < w.bits() || val.signed <= w.bits(),
            Form::Exact => val.bits <= w.bits(),
            Form::Sext(k) => signed && k == w,
            Form::Low(_) => false,
        };
        match (free, w, signed) {
            (true, ..) | (_, Width::W64, _) => 0,
            (_, Width::W8, false) | (_, Width::W32, true) => 1,
            (_, Width::W32, false) => 2 - u32::from(self.has(Feature::Zba)),
            _ => 2 - u32::from(self.has(Feature::Zbb)),
        }
    }

    /// A register with the low `w` bits of `v`, zero-extended.
    pub(super) fn zext(&mut self, v: Value, w: Width) -> Xreg {
        let val = self.vals[v.index()];
        if let Some(c) = val.konst {
            if w.zext(c) == c {
                return self.exact(v);
            }
            let r = self.temp();
            self.constant(r, w.zext(c));
            return r;
        }
        if val.bits <= w.bits() {
            return self.exact(v);
        }
        let s = self.low(v, w);
        let r = self.temp();
        self.emit_zext(r, s, w);
        r
    }

    /// Converts what is held of `v` from its low `w` bits, in place where nobody else is hurt.
    fn convert(&mut self, v: Value, w: Width, signed: bool) -> Xreg {
        let val = self.vals[v.index()];
        // Read in another form by the same instruction: then that must stay.
        let read = match val.loc {
            Loc::Guest(g) => self.pinned >> abi::gpr(g).num() & 1 != 0,
            Loc::Temp(r) => self.pinned >> r.num() & 1 != 0,
            _ => false,
        };
        let s = self.any(v);
        let form = if signed { Form::Sext(w) } else { Form::Exact };
        // A value wider than `w` does not become another value by being read at `w`.
        let same_value = val.bits <= w.bits();
        match val.loc {
            Loc::Guest(g)
                if !read
                    && same_value
                    && val.form == Form::Sext(Width::W32)
                    && !signed
                    && self.form(g) == Form::Sext(Width::W32) =>
            {
                self.normalise(g);
                return s;
            }
            Loc::Guest(_) => {}
            _ if !read && same_value && !self.temp_shared(s, v) => {
                self.emit_extend(s, s, w, signed);
                self.place(v, Loc::Temp(s), form);
                return s;
            }
            _ => {}
        }
        let r = self.temp();
        self.emit_extend(r, s, w, signed);
        if same_value {
            self.place(v, Loc::Temp(r), form);
        }
        r
    }

    /// Makes guest register `g` hold its value exactly.
    pub(super) fn normalise(&mut self, g: Gpr) {
        if self.form(g) == Form::Exact {
            return;
        }
        let r = abi::gpr(g);
        self.emit_zext(r, r, Width::W32);
        self.set_form(g, Form::Exact);
        for v in &self.live {
            let val = &mut self.vals[v.index()];
            if val.loc == Loc::Guest(g) && val.form == Form::Sext(Width::W32) {
                val.form = Form::Exact;
            }
        }
    }

    /// All guest registers as the rest of the world expects them.
    pub(super) fn normalise_all(&mut self) {
        self.flush_rsp();
        if self.short != 0 {
            Gpr::all().for_each(|g| self.normalise(g));
        }
    }

    /// Makes RSP's host register hold RSP.
    pub(super) fn flush_rsp(&mut self) {
        if self.rsp_lag != 0 {
            // What this position reads is read after this.
            self.move_aliases_from(Gpr::RSP, self.at);
            let r = abi::gpr(Gpr::RSP);
            self.asm.addi(r, r, Imm12::of(self.rsp_lag.into()));
            self.rsp_lag = 0;
        }
    }

    /// RSP becomes `v`, if that is near what its register holds: nothing but a note.
    fn set_rsp(&mut self, v: Value) -> bool {
        let Some((base, distance)) = super::analysis::near_rsp(self.block, v) else {
            return false;
        };
        if self.vals[base.index()].loc == Loc::Guest(Gpr::RSP) {
            self.rsp_lag = distance;
            return true;
        }
        if self.facts.of[v.index()].deferred {
            let b = self.exact(base);
            self.move_aliases(Gpr::RSP);
            let d = Imm12::of(distance.into());
            self.asm.addi(abi::gpr(Gpr::RSP), b, d);
            self.rsp_lag = 0;
            return true;
        }
        false
    }

    fn emit_extend(&mut self, d: Xreg, s: Xreg, w: Width, signed: bool) {
        if signed {
            self.emit_sext(d, s, w)
        } else {
            self.emit_zext(d, s, w)
        }
    }

    /// `d` = low `w` bits of `s`, zero-extended.
    pub(super) fn emit_zext(&mut self, d: Xreg, s: Xreg, w: Width) {
        match w {
            Width::W8 => self.asm.andi(d, s, Imm12::of(255)),
            Width::W16 if self.has(Feature::Zbb) => self.asm.zext_h(d, s),
            Width::W32 if self.has(Feature::Zba) => self.asm.add_uw(d, s, Xreg::ZERO),
            Width::W64 => self.asm.mv(d, s),
            _ => {
                let n = Shamt::new(u64::from(64 - w.bits()));
                self.asm.slli(d, s, n);
                self.asm.srli(d, d, n);
            }
        }
    }

    /// `d` = low `w` bits of `s`, sign-extended.
    pub(super) fn emit_sext(&mut self, d: Xreg, s: Xreg, w: Width) {
        match w {
            Width::W8 if self.has(Feature::Zbb) => self.asm.sext_b(d, s),
            Width::W16 if self.has(Feature::Zbb) => self.asm.sext_h(d, s),
            Width::W32 => self.asm.addiw(d, s, Imm12::ZERO),
            Width::W64 => self.asm.mv(d, s),
            _ => {
                let n = Shamt::new(u64::from(64 - w.bits()));
                self.asm.slli(d, s, n);
                self.asm.srai(d, d, n);
            }
        }
    }

    /// A register for the result of the instruction being lowered, with the value in `form` once it
    /// is written. It may be one of the registers just read whose values end here: the caller writes
    /// it with its last instruction only.
    pub(super) fn def(&mut self, v: Value, form: Form) -> Xreg {
        self.args_done();
        let loc = match self.direct(v) {
            Some(g) => Loc::Guest(g),
            None => {
                // Registers that held ending arguments are good for the result.
                let ending = self.pinned;
                self.pinned &= self.temps_used();
                let r = self.temp();
                self.pinned |= ending;
                Loc::Temp(r)
            }
        };
        self.place(v, loc, form);
        match loc {
            Loc::Guest(g) => abi::gpr(g),
            Loc::Temp(r) => r,
            _ => abi::SCRATCH,
        }
    }

    /// The guest register the result can be computed into, because it is set to it later and nothing
    /// before then reads or shows the old content.
    fn direct(&mut self, v: Value) -> Option<Gpr> {
        let set = self.facts.of[v.index()].set_at?.get() as usize;
        let g = match self.block.insts[set].var() {
            Some(crate::ir::Var::Gpr(g)) => g,
            _ => return None,
        };
        if g == Gpr::RSP && super::analysis::near_rsp(self.block, v).is_some() {
            return None;
        }
        let between = &self.block.insts[v.index() + 1..set];
        let shown = |i: &crate::ir::Inst| {
            super::analysis::is_point(i)
                || matches!(i.var(), Some(crate::ir::Var::Gpr(r)) if r == g)
        };
        if between.iter().any(shown) {
            return None;
        }
        // Delayed flags may have to be computed from the old content.
        self.move_aliases(g);
        self.early[g.index()] = v;
        Some(g)
    }

    /// Moves values needed after this instruction out of guest register `g`.
    pub(super) fn move_aliases(&mut self, g: Gpr) {
        self.move_aliases_from(g, self.at + 1);
    }

    /// Moves values needed at position `first` or later out of guest register `g`.
    fn move_aliases_from(&mut self, g: Gpr, first: u32) {
        let mut any = false;
        for v in &self.live {
            let val = &mut self.vals[v.index()];
            if val.loc == Loc::Guest(g) && self.facts.of[v.index()].last_use >= first {
                any |= val.konst.is_none();
                if val.konst.is_some() {
                    // Can be made again.
                    val.loc = Loc::None;
                    val.form = Form::Exact;
                }
            }
        }
        // One copy serves all of them: forms are facts about the register's content.
        if !any {
            return;
        }
        let r = self.temp();
        self.asm.mv(r, abi::gpr(g));
        for v in &self.live {
            let val = &mut self.vals[v.index()];
            if val.loc == Loc::Guest(g) && self.facts.of[v.index()].last_use >= first {
                val.loc = Loc::Temp(r);
            }
        }
    }

    /// `v` is what `of` is, held in `form`: shares its place.
    pub(super) fn alias(&mut self, v: Value, of: Value, form: Form, bits: u32) {
        let from = self.vals[of.index()];
        self.vals[v.index()].bits = bits;
        if let Some(c) = from.konst {
            self.vals[v.index()].konst = Some(u64::MAX.checked_shr(64 - bits).map_or(0, |m| c & m));
            return;
        }
        match from.loc {
            Loc::Guest(_) | Loc::Temp(_) => self.place(v, from.loc, form),
            _ => {
                // Memory and constants have one owner: share the register instead.
                let r = self.any(of);
                self.place(v, Loc::Temp(r), form);
            }
        }
    }

    /// Guest register `g` becomes `v`.
    pub(super) fn set_gpr(&mut self, g: Gpr, v: Value) {
        let val = self.vals[v.index()];
        let d = abi::gpr(g);
        let early = self.early[g.index()] == v;
        if g == Gpr::RSP {
            if !early && self.set_rsp(v) {
                return;
            }
            self.rsp_lag = 0;
        }
        self.early[g.index()] = Value::NONE;
        if early && val.loc == Loc::Guest(g) {
            self.settle(g, v, d, val);
            return;
        }
        if val.loc == Loc::Guest(g) && val.form == self.form(g) {
            // What it holds already.
            return;
        }
        if let (Loc::None, Some(c)) = (val.loc, val.konst) {
            self.move_aliases(g);
            let short = Width::W32.sext(c).cast_unsigned();
            let as_sext = c >> 32 == 0 && short != c;
            self.constant(d, if as_sext { short } else { c });
            let form = if as_sext {
                Form::Sext(Width::W32)
            } else {
                Form::Exact
            };
            self.set_form(g, form);
            // One that takes more than one instruction is read from there.
            let long = Imm12::new(c.cast_signed()).is_none();
            if long && g != Gpr::RSP && self.facts.of[v.index()].last_use > self.at {
                self.place(v, Loc::Guest(g), form);
            }
            return;
        }
        let s = self.any(v);
        let val = self.vals[v.index()];
        self.move_aliases(g);
        let s = if self.vals[v.index()].loc == val.loc {
            s
        } else {
            d
        };
        self.settle(g, v, s, val);
    }

    /// Ends a `set`: register `s` holds `v` in its form; guest register `g` gets it.
    fn settle(&mut self, g: Gpr, v: Value, s: Xreg, val: Val) {
        let d = abi::gpr(g);
        let form = match val.form {
            Form::Low(Width::W32) if !self.has(Feature::Zba) => {
                self.emit_sext(d, s, Width::W32);
                Form::Sext(Width::W32)
            }
            Form::Exact | Form::Sext(Width::W32 | Width::W64) => {
                if s != d {
                    self.asm.mv(d, s);
                }
                val.form
            }
            Form::Low(w) | Form::Sext(w) => {
                self.emit_zext(d, s, w);
                Form::Exact
            }
        };
        self.set_form(g, form);
        if self.facts.of[v.index()].last_use > self.at {
            // What is exact in another register stays there; a truncation was made only now.
            let now = self.vals[v.index()];
            if !matches!(now.loc, Loc::Guest(o) if o != g) || now.form != Form::Exact {
                self.place(v, Loc::Guest(g), form);
            }
        }
    }
}
