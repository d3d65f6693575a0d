//! A block being rewritten front to back: old values map to new ones, and what is emitted is folded
//! as it is emitted.

use crate::ir::{Block, Effect, Inst, Op, Value, eval};
use crate::x86::{Cond, Rflags, Width};

/// The new block.
pub struct Rewriter {
    /// Instructions emitted so far.
    pub out: Vec<Inst>,
    map: Vec<Value>,
    /// A direct-mapped table of pure instructions, to find equal ones.
    seen: [Value; SEEN],
}

const SEEN: usize = 128;
/// How far back `near` looks.
const NEAR: usize = 64;

/// Where an instruction goes in the table. Only speed depends on how well it spreads.
fn seen_slot(i: &Inst) -> usize {
    let h = i.imm ^ u64::from(i.op as u8) << 8 ^ u64::from(i.aux) << 3 ^ u64::from(i.w as u8);
    let [a, b, c, d] = i.args.map(|a| u64::from(a.0));
    let h = h.rotate_left(28) ^ a << 21 ^ b << 14 ^ c << 7 ^ d;
    usize::try_from(h.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57).expect("seven bits")
}

impl Default for Rewriter {
    fn default() -> Self {
        Rewriter {
            out: Vec::new(),
            map: Vec::new(),
            seen: [Value::NONE; SEEN],
        }
    }
}

impl Rewriter {
    /// Begins a new block.
    pub fn reset(&mut self) {
        self.out.clear();
        self.map.clear();
        self.seen = [Value::NONE; SEEN];
    }

    /// Gives the block what was emitted, and takes its memory.
    pub fn finish(&mut self, block: &mut Block) {
        if let Some(v) = block.term.value_mut() {
            *v = self.mapped(*v);
        }
        std::mem::swap(&mut block.insts, &mut self.out);
    }

    /// The new value of old value `v`.
    pub fn mapped(&self, v: Value) -> Value {
        if v.is_some() { self.map[v.index()] } else { v }
    }

    /// The instruction with its arguments mapped.
    #[inline]
    pub fn with_mapped_args(&self, inst: &Inst) -> Inst {
        let mut inst = *inst;
        for a in inst.args.iter_mut().take_while(|a| a.is_some()) {
            *a = self.map[a.index()];
        }
        inst
    }

    /// Says what the next old instruction's value became; `Value::NONE` for none.
    pub fn define(&mut self, v: Value) {
        self.map.push(v);
    }

    /// The instruction that gives `v`.
    pub fn def(&self, v: Value) -> &Inst {
        &self.out[v.index()]
    }

    /// `v`'s value, if it is a constant.
    pub fn constant(&self, v: Value) -> Option<u64> {
        if !v.is_some() {
            return None;
        }
        let d = self.def(v);
        (d.op == Op::Const).then_some(d.imm)
    }

    /// Emits as it is, or finds an equal pure instruction before it.
    pub fn push(&mut self, inst: &Inst) -> Value {
        if inst.op.effect() == Effect::Pure {
            let next = self.next();
            let place = &mut self.seen[seen_slot(inst)];
            if place.is_some() && self.out[place.index()] == *inst {
                return *place;
            }
            *place = next;
        }
        self.append(inst)
    }

    /// Emits what is not pure, as it is.
    #[inline]
    pub fn append(&mut self, inst: &Inst) -> Value {
        let next = self.next();
        self.out.push(*inst);
        next
    }

    /// The value of the next instruction that is emitted.
    fn next(&self) -> Value {
        Value(u32::try_from(self.out.len()).expect("blocks are bounded"))
    }

    /// True if `v` was made recently, and no helper, which could have changed MXCSR, was called since.
    pub fn near(&self, v: Value) -> bool {
        let since = &self.out[v.index()..];
        since.len() <= NEAR && since.iter().all(|i| i.op != Op::Call)
    }

    /// Emits a comparison of floats, or finds an equal one since `from`: it raises nothing new.
    pub fn again(&mut self, from: Value, inst: &Inst) -> Value {
        let equal = self.out[from.index()..].iter().position(|i| i == inst);
        match equal {
            Some(n) => Value(from.0 + u32::try_from(n).expect("blocks are bounded")),
            None => self.push(inst),
        }
    }

    /// A constant.
    pub fn konst(&mut self, v: u64) -> Value {
        let mut inst = Inst::new(Op::Const, Width::W64);
        inst.imm = v;
        self.push(&inst)
    }

    /// Emits an operation, folded.
    pub fn op(&mut self, op: Op, w: Width, args: &[Value]) -> Value {
        let mut inst = Inst::new(op, w);
        inst.args[..args.len()].copy_from_slice(args);
        self.emit(&inst)
    }

    /// An operation with a constant second argument, folded.
    pub fn op_imm(&mut self, op: Op, w: Width, a: Value, n: u64) -> Value {
        let n = self.konst(n);
        self.op(op, w, &[a, n])
    }

    /// Condition `c` of an opaque bundle.
    pub fn cond_of(&mut self, f: Value, c: Cond) -> Value {
        let mut inst = Inst::new(Op::CondOf, Width::W64);
        inst.args[0] = f;
        inst.aux = c as u16;
        self.push(&inst)
    }

    /// True if all bits of `v` above the low `w` are known to be 0.
    fn fits(&self, v: Value, w: Width) -> bool {
        let d = self.def(v);
        match d.op {
            Op::Const => d.imm & !w.mask() == 0,
            Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS | Op::CondOf | Op::FCmp => true,
            Op::Sext | Op::Deposit | Op::Get | Op::Call | Op::VMovMask => {
                d.op == Op::VMovMask && w >= Width::W16
            }
            Op::Select => self.fits(d.args[1], w) && self.fits(d.args[2], w),
            Op::And => d.w <= w || self.fits(d.args[0], w) || self.fits(d.args[1], w),
            Op::Or | Op::Xor => d.w <= w || (self.fits(d.args[0], w) && self.fits(d.args[1], w)),
            Op::Shr => d.w <= w || self.fits(d.args[0], w),
            Op::FCvtToI => d.aux & 3 <= w as u16,
            Op::FlBits | Op::FComi => w >= Width::W16,
            // The width is that of the data.
            Op::Crc32c => w >= Width::W32,
            Op::FBits | Op::VExtract | Op::Load | Op::Rmw | Op::Cas => d.w <= w,
            op => eval::is_int(op) && d.w <= w,
        }
    }

    /// `v` without an extension that leaves the low `w` bits alone.
    fn low_bits(&self, v: Value, w: Width) -> Value {
        let mut v = v;
        while v.is_some() {
            let d = self.def(v);
            match d.op {
                Op::Zext | Op::Sext if d.w >= w => v = d.args[0],
                Op::Deposit if d.imm == 0 && d.w >= w => v = d.args[1],
                _ => break,
            }
        }
        v
    }

    /// The instruction without extensions of its first `n` arguments, which are read only in their low
    /// `w` bits.
    fn narrowed(&self, inst: &Inst, n: usize) -> Inst {
        let mut inst = *inst;
        for a in &mut inst.args[..n] {
            *a = self.low_bits(*a, inst.w);
        }
        inst
    }

    /// Emits an instruction, or finds the value it is equal to.
    pub fn emit(&mut self, inst: &Inst) -> Value {
        match inst.op {
            op if eval::is_int(op) => self.integer(inst),
            Op::FlAdd
            | Op::FlSub
            | Op::FlAdc
            | Op::FlSbb
            | Op::FlAddKeepCarry
            | Op::FlSubKeepCarry => {
                let mut inst = self.narrowed(inst, 2);
                // Nothing is borrowed: the flags of the number itself.
                if inst.op == Op::FlSub
                    && self.constant(inst.args[1]).map(|b| inst.w.zext(b)) == Some(0)
                {
                    inst.op = Op::FlLogic;
                    inst.args[1] = Value::NONE;
                }
                self.push(&inst)
            }
            Op::FlLogic | Op::FlRes => {
                let inst = self.narrowed(inst, 1);
                self.push(&inst)
            }
            Op::Store => {
                let mut inst = *inst;
                inst.args[1] = self.low_bits(inst.args[1], inst.w);
                self.append(&inst)
            }
            Op::VExtract | Op::FGet | Op::FFrom | Op::FBits | Op::FPut => {
                super::vector::simplified(self, inst).unwrap_or_else(|| self.push(inst))
            }
            _ => self.push(inst),
        }
    }

    /// Emits a pure integer operation, or finds the value it is equal to.
    fn integer(&mut self, inst: &Inst) -> Value {
        // How many arguments are read only in their low `w` bits.
        let narrow = match inst.op {
            Op::Add
            | Op::Sub
            | Op::Mul
            | Op::And
            | Op::Or
            | Op::Xor
            | Op::Eq
            | Op::Ne
            | Op::LtU
            | Op::LeU
            | Op::LtS
            | Op::LeS => 2,
            Op::Shl
            | Op::Shr
            | Op::Sar
            | Op::Rotl
            | Op::Rotr
            | Op::Clz
            | Op::Ctz
            | Op::Popcnt
            | Op::Bswap
            | Op::Zext
            | Op::Sext => 1,
            _ => 0,
        };
        let mut inst = self.narrowed(inst, narrow);
        if inst.op == Op::Deposit {
            inst.args[1] = self.low_bits(inst.args[1], inst.w);
        }
        let [a, b, c, _] = inst.args;
        let (ka, kb) = (self.constant(a), self.constant(b));
        let known = |v: Value, k: Option<u64>| if v.is_some() { k } else { Some(0) };
        if let (Some(x), Some(y)) = (known(a, ka), known(b, kb))
            && let Some(z) = known(c, self.constant(c))
            && let Some(r) = eval::int(inst.op, inst.w, inst.imm, x, y, z)
        {
            return self.konst(r);
        }
        self.simplified(&inst, ka, kb)
            .unwrap_or_else(|| self.push(&inst))
    }

    /// Identities. Results of narrow operations are zero-extended, so `a + 0` at 32 bits is `zext.32 a`.
    fn simplified(&mut self, inst: &Inst, ka: Option<u64>, kb: Option<u64>) -> Option<Value> {
        let [a, b, c, _] = inst.args;
        let w = inst.w;
        let zext = |r: &mut Self, v: Value| {
            Some(if w == Width::W64 {
                v
            } else {
                r.op(Op::Zext, w, &[v])
            })
        };
        match inst.op {
            Op::Zext => {
                if w == Width::W64 || self.fits(a, w) {
                    return Some(a);
                }
                None
            }
            Op::Sext => {
                let d = *self.def(a);
                (w == Width::W64 || d.op == Op::Sext && d.w <= w).then_some(a)
            }
            Op::Add | Op::Or | Op::Xor | Op::Sub if kb.map(|k| w.zext(k)) == Some(0) => {
                zext(self, a)
            }
            Op::Sub if kb.is_some() => {
                let minus = kb.unwrap_or(0).wrapping_neg();
                Some(self.op_imm(Op::Add, w, a, minus))
            }
            Op::Add if kb.is_some() => {
                // (x + m) + n
                let d = *self.def(a);
                if d.op == Op::Add
                    && d.w == w
                    && let (Some(m), Some(n)) = (self.constant(d.args[1]), kb)
                {
                    return Some(self.op_imm(Op::Add, w, d.args[0], m.wrapping_add(n)));
                }
                None
            }
            Op::Add | Op::Or | Op::Xor | Op::And | Op::Mul if ka.is_some() && kb.is_none() => {
                // Constants on the right.
                Some(self.op(inst.op, w, &[b, a]))
            }
            Op::Sub | Op::Xor if a == b => Some(self.konst(0)),
            Op::And | Op::Or if a == b => zext(self, a),
            Op::Or if kb.map(|k| w.zext(k)) == Some(w.mask()) => Some(self.konst(w.mask())),
            Op::And => match kb {
                Some(k) if w.zext(k) == w.mask() => zext(self, a),
                Some(k) if w.zext(k) == 0 => Some(self.konst(0)),
                Some(0xff) => Some(self.op(Op::Zext, Width::W8, &[a])),
                Some(1) if self.is_bool(a) => Some(a),
                Some(k) => {
                    // (x & m) & k
                    let d = *self.def(a);
                    let m = (d.op == Op::And && d.w == w).then(|| self.constant(d.args[1]))??;
                    Some(self.op_imm(Op::And, w, d.args[0], m & k))
                }
                None => None,
            },
            Op::Shl | Op::Shr | Op::Sar if kb.map(|k| k & 63) == Some(0) => zext(self, a),
            Op::Rotl | Op::Rotr if kb.map(|k| k % u64::from(w.bits())) == Some(0) => zext(self, a),
            Op::Select => match ka {
                Some(0) => Some(c),
                Some(_) => Some(b),
                None if b == c => Some(b),
                None => None,
            },
            // The high half is the low half's extension.
            Op::Div128U if ka == Some(0) => Some(self.op(Op::DivU, w, &[b, c])),
            Op::Rem128U if ka == Some(0) => Some(self.op(Op::RemU, w, &[b, c])),
            Op::Div128S if self.extends_sign(a, b) => Some(self.op(Op::DivS, w, &[b, c])),
            Op::Rem128S if self.extends_sign(a, b) => Some(self.op(Op::RemS, w, &[b, c])),
            Op::Eq | Op::LeU | Op::LeS if a == b => Some(self.konst(1)),
            Op::Ne | Op::LtU | Op::LtS if a == b => Some(self.konst(0)),
            Op::Ne if kb == Some(0) && self.is_bool(a) => Some(a),
            _ => None,
        }
    }

    /// True if all bits of `high` are the sign of `low`.
    fn extends_sign(&self, high: Value, low: Value) -> bool {
        let d = self.def(high);
        d.op == Op::Sar
            && d.w == Width::W64
            && d.args[0] == low
            && self.constant(d.args[1]).map(|n| n & 63) == Some(63)
    }

    /// True if `v` is known to be 0 or 1.
    fn is_bool(&self, v: Value) -> bool {
        let d = self.def(v);
        match d.op {
            Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS | Op::CondOf | Op::FCmp => true,
            Op::Const => d.imm <= 1,
            Op::And => self.constant(d.args[1]) == Some(1),
            Op::Or | Op::Xor => self.is_bool(d.args[0]) && self.is_bool(d.args[1]),
            Op::Select => self.is_bool(d.args[1]) && self.is_bool(d.args[2]),
            _ => false,
        }
    }

    /// The bits of `mask` of an opaque bundle.
    pub fn bits_of(&mut self, f: Value, mask: u64) -> Value {
        let mut inst = Inst::new(Op::FlBits, Width::W64);
        inst.args[0] = f;
        inst.imm = mask & Rflags::STATUS;
        self.push(&inst)
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::{Inst, Op, parse_region, verify};

    /// The instructions left of `text`, one a line, which may use v1 = get rcx and v2 = get rdx and begin
    /// with v3; the last one's value goes to RAX.
    fn optimized(text: &[&str]) -> Vec<Inst> {
        let mut region =
            "insns 1\nb0 0x0 entry:\n  insn.64 @3\n  v1 = get.64 rcx\n  v2 = get.64 rdx\n"
                .to_owned();
        for (line, n) in text.iter().zip(3..) {
            region += &format!("  v{n} = {line}\n");
        }
        region += &format!("  set.64 rax v{}\n  jump exit 0x3\n", text.len() + 2);
        let mut region = parse_region(&region).unwrap();
        verify(&region).unwrap();
        crate::opt::optimize(&mut region);
        region.blocks.swap_remove(0).insts
    }

    fn has(insts: &[Inst], op: Op) -> bool {
        insts.iter().any(|i| i.op == op)
    }

    #[test]
    fn a_bit_is_taken_of_what_is_not_0_or_1() {
        let bit_of = |yes, no| {
            let select = format!("select.64 v3 {yes} {no}");
            let text = ["eq.64 v1 v2", "ltu.64 v1 v2", &select, "const.64 #0x1"];
            has(
                &optimized(&[&text[..], &["and.64 v5 v6"]].concat()),
                Op::And,
            )
        };
        assert!(!bit_of("v3", "v4"));
        assert!(bit_of("v4", "v1") && bit_of("v1", "v4"));
    }

    #[test]
    fn what_has_no_high_half_is_divided_by_the_plain_division() {
        for (long, plain) in [("div128u", Op::DivU), ("rem128u", Op::RemU)] {
            let by = |high| {
                let division = format!("{long}.64 {high} v1 v2");
                optimized(&["const.64 #0x0", &division])
            };
            assert!(has(&by("v3"), plain), "{long}");
            assert!(!has(&by("v1"), plain), "{long}");
        }
    }
}
