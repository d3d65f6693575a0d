//! What a lift function works with: operands of the guest instruction in, IR out.

use super::addr_map::AddrMap;
use crate::ir::{Block, BlockId, Inst, Op, Target, Term, Value, Var};
use crate::x86::{Cond, Gpr, GuestAddr, Rflags, Trap, Width};
use iced_x86::{Instruction, OpKind, Register};

/// A form of an instruction that felix does not implement: it raises #UD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsupported;

/// What a lift function returns.
pub type Lifted = Result<(), Unsupported>;

/// A region under construction.
#[derive(Debug, Default)]
pub struct RegionBuilder {
    /// Blocks so far; one whose terminator is not set yet traps.
    pub blocks: Vec<Block>,
    /// The instructions of the block that is being filled; it gets them when it is finished.
    pub insts: Vec<Inst>,
    /// 128-bit constants.
    pub pool: Vec<[u8; 16]>,
    /// Which block translates which address.
    pub by_addr: AddrMap,
    /// Whether backward jumps out of the region pass a safepoint.
    polls: bool,
    /// `Limits::steps`.
    pub steps: bool,
    /// Memory of former blocks, to be used again.
    spare: Vec<Vec<Inst>>,
}

impl RegionBuilder {
    /// Begins a new region.
    pub fn reset(&mut self, polls: bool) {
        let blocks = std::mem::take(&mut self.blocks);
        self.recycle(blocks);
        self.insts.clear();
        self.pool.clear();
        self.by_addr.clear();
        self.polls = polls;
    }

    /// Takes the memory of blocks that are needed no longer.
    pub fn recycle(&mut self, mut blocks: Vec<Block>) {
        self.reuse(blocks.drain(..).map(|block| block.insts));
        if self.blocks.capacity() < blocks.capacity() {
            self.blocks = blocks;
        }
    }

    /// Takes memory for the instructions of blocks.
    pub fn reuse(&mut self, spare: impl Iterator<Item = Vec<Inst>>) {
        for insts in spare {
            if insts.capacity() > 0 && self.spare.len() < 64 {
                self.spare.push(insts);
            }
        }
    }

    /// Memory for the instructions of a block.
    fn memory(&mut self) -> Vec<Inst> {
        match self.spare.pop() {
            Some(mut insts) => {
                insts.clear();
                insts
            }
            None => Vec::with_capacity(64),
        }
    }

    /// Adds an empty block.
    pub fn add_block(&mut self, addr: GuestAddr) -> BlockId {
        let id = BlockId(u32::try_from(self.blocks.len()).expect("regions are bounded"));
        let term = Term::Trap {
            trap: Trap::InvalidOpcode,
            rip: addr,
        };
        self.blocks.push(Block {
            addr,
            entry: false,
            insts: Vec::new(),
            term,
        });
        id
    }

    /// Makes `block`, which is empty, the one being filled.
    pub fn begin(&mut self, block: BlockId) {
        debug_assert!(self.blocks[block.index()].insts.is_empty());
        self.insts = self.memory();
    }

    /// Goes back to filling `block`; what was emitted since it was finished is dropped.
    pub fn begin_again(&mut self, block: BlockId) {
        self.insts = std::mem::take(&mut self.blocks[block.index()].insts);
    }

    /// Ends `block`, the one being filled.
    pub fn finish(&mut self, block: BlockId, term: Term) {
        let b = &mut self.blocks[block.index()];
        b.insts = std::mem::take(&mut self.insts);
        b.term = term;
    }

    /// The block that translates `addr`, if this region has it, else an exit.
    #[must_use]
    pub fn target(&self, addr: GuestAddr) -> Target {
        match self.by_addr.get(addr) {
            // A step ends after a jump to itself, too.
            Some(b) if !self.steps => Target::Block(BlockId(b)),
            _ => Target::Exit(addr),
        }
    }
}

/// Where an operand lives.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// `w` bits of a register from bit `lsb` (8 for AH, CH, DH, BH).
    Reg {
        /// The register.
        reg: Gpr,
        /// 0 or 8.
        lsb: u64,
        /// The width.
        w: Width,
    },
    /// Memory at `addr + disp`.
    Mem {
        /// The variable part of the address.
        addr: Value,
        /// The constant part.
        disp: i64,
        /// The width.
        w: Width,
    },
}

/// The context of one instruction being lifted.
pub struct Cx<'a> {
    /// The instruction.
    pub insn: &'a Instruction,
    /// The region.
    pub out: &'a mut RegionBuilder,
    /// The block instructions go to.
    pub block: BlockId,
    /// True once the block has its terminator.
    pub ended: bool,
    /// True while memory is accessed through SS, which computing an address decides: a non-canonical
    /// address is #SS, not #GP.
    pub stack: bool,
    /// How the lift functions of SSE see a VEX-encoded instruction.
    pub vex: Vex,
}

/// While a function of SSE lifts a VEX-encoded instruction: which half of the registers it is about, and
/// what is kept from one half to the other (`avx`).
#[derive(Clone, Copy, Default, Debug)]
pub struct Vex {
    /// The instruction is VEX-encoded: unaligned memory operands are allowed.
    pub on: bool,
    /// Operands have 256 bits.
    pub wide: bool,
    /// The upper halves' turn.
    pub high: bool,
    /// What the number of a source operand is more than with the legacy encoding, where the destination is
    /// the first source: 1 or 0.
    pub shift: u32,
    /// The memory operand's upper half, which is loaded with the lower one.
    pub loaded: Option<Value>,
    /// The lower half of what is to be stored.
    pub stored: Option<Value>,
    /// The number of the vector register to set, and the halves.
    pub result: Option<(u8, Value, Option<Value>)>,
}

/// `Inst::aux` of `load` and `store`: a page fault is reported as that of a write.
pub const FOR_UPDATE: u16 = 1;
/// `Inst::aux` of memory operations: the access is through SS.
pub const THROUGH_SS: u16 = 2;

/// Number, least significant bit and width of general-purpose registers, by iced's number.
static GPRS: [Option<(u8, u8, Width)>; Register::R15 as usize + 1] = gprs();

const fn gprs() -> [Option<(u8, u8, Width)>; Register::R15 as usize + 1] {
    const fn fill(
        table: &mut [Option<(u8, u8, Width)>; Register::R15 as usize + 1],
        first: Register,
        w: Width,
    ) {
        let mut n = 0;
        while n < 16 {
            table[first as usize + n as usize] = Some((n, 0, w));
            n += 1;
        }
    }
    let mut table = [None; Register::R15 as usize + 1];
    // AL, CL, DL, BL, AH, CH, DH, BH, SPL ..
    let mut n = 0;
    while n < 20 {
        table[Register::AL as usize + n as usize] = Some(match n {
            0..4 => (n, 0, Width::W8),
            4..8 => (n - 4, 8, Width::W8),
            _ => (n - 4, 0, Width::W8),
        });
        n += 1;
    }
    fill(&mut table, Register::AX, Width::W16);
    fill(&mut table, Register::EAX, Width::W32);
    fill(&mut table, Register::RAX, Width::W64);
    table
}

impl Cx<'_> {
    // --- raw emission ---

    /// A context that emits into `block`.
    pub fn new<'a>(insn: &'a Instruction, out: &'a mut RegionBuilder, block: BlockId) -> Cx<'a> {
        Cx {
            insn,
            out,
            block,
            ended: false,
            stack: false,
            vex: Vex::default(),
        }
    }

    /// Emits an instruction.
    #[inline]
    pub fn emit(&mut self, mut inst: Inst) -> Value {
        if self.stack {
            match inst.op {
                Op::Load | Op::Store | Op::VLoad | Op::VStore => inst.aux |= THROUGH_SS,
                Op::Rmw | Op::Cas | Op::Call => inst.imm |= u64::from(THROUGH_SS),
                _ => {}
            }
        }
        let insts = &mut self.out.insts;
        #[allow(clippy::cast_possible_truncation)] // Blocks are bounded.
        let v = Value(insts.len() as u32);
        insts.push(inst);
        v
    }

    /// Emits an operation with these arguments.
    #[inline]
    pub fn op(&mut self, op: Op, w: Width, args: &[Value]) -> Value {
        self.op_imm(op, w, args, 0, 0)
    }

    /// Emits an operation with arguments, immediate and `aux`.
    #[inline]
    pub fn op_imm(&mut self, op: Op, w: Width, args: &[Value], imm: u64, aux: u16) -> Value {
        let arg = |i: usize| args.get(i).copied().unwrap_or(Value::NONE);
        self.emit(Inst {
            op,
            w,
            lazy: false,
            aux,
            args: [arg(0), arg(1), arg(2), arg(3)],
            imm,
        })
    }

    /// A constant.
    pub fn konst(&mut self, v: u64) -> Value {
        self.op_imm(Op::Const, Width::W64, &[], v, 0)
    }

    /// Reads a variable.
    pub fn get(&mut self, var: Var) -> Value {
        self.op_imm(Op::Get, Width::W64, &[], var.encode(), 0)
    }

    /// Writes a variable.
    pub fn set(&mut self, var: Var, v: Value) {
        self.op_imm(Op::Set, Width::W64, &[v], var.encode(), 0);
    }

    /// All 64 bits of a register.
    pub fn gpr(&mut self, r: Gpr) -> Value {
        self.get(Var::Gpr(r))
    }

    /// Sets all 64 bits of a register.
    pub fn set_gpr(&mut self, r: Gpr, v: Value) {
        self.set(Var::Gpr(r), v);
    }

    /// A number for the region's 128-bit constant `bytes`.
    pub fn pool(&mut self, bytes: [u8; 16]) -> u64 {
        let pool = &mut self.out.pool;
        let i = pool.iter().position(|b| *b == bytes).unwrap_or_else(|| {
            pool.push(bytes);
            pool.len() - 1
        });
        i as u64
    }

    // --- shorthands ---

    /// a + b
    pub fn add(&mut self, w: Width, a: Value, b: Value) -> Value {
        self.op(Op::Add, w, &[a, b])
    }

    /// a + constant
    pub fn add_imm(&mut self, w: Width, a: Value, n: i64) -> Value {
        let n = self.konst(n.cast_unsigned());
        self.add(w, a, n)
    }

    /// a - b
    pub fn sub(&mut self, w: Width, a: Value, b: Value) -> Value {
        self.op(Op::Sub, w, &[a, b])
    }

    /// a & b
    pub fn and(&mut self, w: Width, a: Value, b: Value) -> Value {
        self.op(Op::And, w, &[a, b])
    }

    /// a & constant
    pub fn and_imm(&mut self, w: Width, a: Value, n: u64) -> Value {
        let n = self.konst(n);
        self.and(w, a, n)
    }

    /// a | b
    pub fn or(&mut self, w: Width, a: Value, b: Value) -> Value {
        self.op(Op::Or, w, &[a, b])
    }

    /// a ^ b
    pub fn xor(&mut self, w: Width, a: Value, b: Value) -> Value {
        self.op(Op::Xor, w, &[a, b])
    }

    /// a << constant
    pub fn shl_imm(&mut self, w: Width, a: Value, n: u32) -> Value {
        let n = self.konst(n.into());
        self.op(Op::Shl, w, &[a, n])
    }

    /// a >> constant, unsigned
    pub fn shr_imm(&mut self, w: Width, a: Value, n: u32) -> Value {
        let n = self.konst(n.into());
        self.op(Op::Shr, w, &[a, n])
    }

    /// a >> constant, signed
    pub fn sar_imm(&mut self, w: Width, a: Value, n: u32) -> Value {
        let n = self.konst(n.into());
        self.op(Op::Sar, w, &[a, n])
    }

    /// Bit `n` of a, 0 or 1.
    pub fn bit(&mut self, a: Value, n: u32) -> Value {
        let s = self.shr_imm(Width::W64, a, n);
        self.and_imm(Width::W64, s, 1)
    }

    /// The top bit of the low `w` bits, 0 or 1.
    pub fn sign(&mut self, w: Width, a: Value) -> Value {
        let s = self.shr_imm(w, a, w.bits() - 1);
        self.and_imm(Width::W64, s, 1)
    }

    /// a == 0, 0 or 1
    pub fn is_zero(&mut self, w: Width, a: Value) -> Value {
        let zero = self.konst(0);
        self.op(Op::Eq, w, &[a, zero])
    }

    /// a != 0, 0 or 1
    pub fn is_nonzero(&mut self, w: Width, a: Value) -> Value {
        let zero = self.konst(0);
        self.op(Op::Ne, w, &[a, zero])
    }

    /// c ? a : b
    pub fn select(&mut self, c: Value, a: Value, b: Value) -> Value {
        self.op(Op::Select, Width::W64, &[c, a, b])
    }

    // --- flags ---

    /// The current flags.
    pub fn flags(&mut self) -> Value {
        self.get(Var::Flags)
    }

    /// Sets all status flags.
    pub fn set_flags(&mut self, f: Value) {
        self.set(Var::Flags, f);
    }

    /// Sets the flags of `mask` from bundle `f`, keeps the others.
    pub fn set_some_flags(&mut self, mask: u64, f: Value) {
        if mask == Rflags::STATUS {
            return self.set_flags(f);
        }
        let old = self.flags();
        let f = self.op_imm(Op::FlMerge, Width::W64, &[f, old], mask, 0);
        self.set_flags(f);
    }

    /// A bundle from bits in their RFLAGS positions.
    pub fn raw_flags(&mut self, bits: Value) -> Value {
        self.op(Op::FlRaw, Width::W64, &[bits])
    }

    /// A bundle with ZF, SF and PF of `r`, and CF and OF 0 or 1 each; AF is 0.
    pub fn result_flags(&mut self, w: Width, r: Value, cf: Value, of: Value) -> Value {
        let of = self.shl_imm(Width::W64, of, Rflags::OF.trailing_zeros());
        let others = self.or(Width::W64, cf, of);
        self.op(Op::FlRes, w, &[r, others])
    }

    /// CF, 0 or 1.
    pub fn carry(&mut self) -> Value {
        self.cond(Cond::B)
    }

    /// A condition on the current flags, 0 or 1.
    pub fn cond(&mut self, c: Cond) -> Value {
        let f = self.flags();
        self.op_imm(Op::CondOf, Width::W64, &[f], 0, c as u16)
    }

    // --- control ---

    /// Adds a block of the same guest instruction.
    pub fn new_block(&mut self) -> BlockId {
        self.out.add_block(GuestAddr(self.insn.ip()))
    }

    /// Ends the current block and goes on in `next`. Begins there with the instruction's mark.
    pub fn end_and_continue(&mut self, term: Term, next: BlockId) {
        self.end(term);
        self.continue_in(next);
    }

    /// Goes on in `next`.
    pub fn continue_in(&mut self, next: BlockId) {
        debug_assert!(self.ended);
        self.out.begin(next);
        self.block = next;
        self.ended = false;
        self.mark();
    }

    /// Emits the mark of this guest instruction.
    pub fn mark(&mut self) {
        let len = u16::try_from(self.insn.len()).expect("at most 15");
        self.op_imm(Op::Insn, Width::W64, &[], self.insn.ip(), len);
    }

    /// Ends the current block.
    pub fn end(&mut self, term: Term) {
        self.out.finish(self.block, term);
        self.ended = true;
    }

    /// The address of this instruction.
    pub fn ip(&self) -> GuestAddr {
        GuestAddr(self.insn.ip())
    }

    /// The address of the next instruction.
    pub fn next_ip(&self) -> GuestAddr {
        GuestAddr(self.insn.next_ip())
    }

    /// The block that translates `addr`, if this region has it, else an exit.
    pub fn target(&mut self, addr: GuestAddr) -> Target {
        self.out.target(addr)
    }

    /// Like `target`, for a jump from this instruction: a backward jump out of the region passes a
    /// safepoint (inside the region the loop header has one).
    pub fn jump_target(&mut self, addr: GuestAddr) -> Target {
        let t = self.target(addr);
        if self.out.polls && matches!(t, Target::Exit(_)) && addr <= self.ip() {
            let stub = self.new_block();
            let insts = self.out.memory();
            let block = &mut self.out.blocks[stub.index()];
            block.insts = insts;
            let mut poll = Inst::new(Op::Poll, Width::W64);
            poll.imm = addr.0;
            block.insts.push(poll);
            block.term = Term::Jump(t);
            return Target::Block(stub);
        }
        t
    }

    /// A safepoint before this instruction.
    pub fn poll_here(&mut self) {
        let ip = self.insn.ip();
        self.op_imm(Op::Poll, Width::W64, &[], ip, 0);
    }

    /// Raises `trap` if `cond` is not 0.
    pub fn trap_if(&mut self, cond: Value, trap: Trap) {
        self.op_imm(Op::TrapIf, Width::W64, &[cond], 0, trap as u16);
    }

    /// Raises #GP unless `target` is a canonical address: a near branch to any other faults itself.
    pub fn check_target(&mut self, target: Value) {
        self.op(Op::CheckCanonical, Width::W64, &[target]);
    }

    // --- operands ---

    /// The width of integer operand `n`.
    ///
    /// # Errors
    /// If it is not an integer operand.
    pub fn width(&self, n: u32) -> Result<Width, Unsupported> {
        let bytes = match self.insn.op_kind(n) {
            OpKind::Register => {
                let r = self.insn.op_register(n);
                if let Some(Some((_, _, w))) = GPRS.get(r as usize) {
                    return Ok(*w);
                }
                r.size()
            }
            OpKind::Immediate8 | OpKind::Immediate8_2nd => 1,
            OpKind::Immediate16 | OpKind::Immediate8to16 => 2,
            OpKind::Immediate32 | OpKind::Immediate8to32 => 4,
            OpKind::Immediate64 | OpKind::Immediate8to64 | OpKind::Immediate32to64 => 8,
            _ => self.insn.memory_size().size(),
        };
        Width::from_bytes(bytes).ok_or(Unsupported)
    }

    /// The register behind a register operand, and where in it.
    ///
    /// # Errors
    /// If `r` is not a general-purpose register.
    pub fn gpr_of(r: Register) -> Result<(Gpr, u64, Width), Unsupported> {
        let (n, lsb, w) = GPRS.get(r as usize).copied().flatten().ok_or(Unsupported)?;
        Ok((Gpr::new(n), lsb.into(), w))
    }

    /// Where operand `n` lives, with its address computed.
    ///
    /// # Errors
    /// If it is neither a general-purpose register nor memory.
    pub fn place(&mut self, n: u32) -> Result<Place, Unsupported> {
        match self.insn.op_kind(n) {
            OpKind::Register => {
                let (reg, lsb, w) = Self::gpr_of(self.insn.op_register(n))?;
                Ok(Place::Reg { reg, lsb, w })
            }
            OpKind::Memory => {
                let w = self.width(n)?;
                let (addr, disp) = self.address()?;
                Ok(Place::Mem { addr, disp, w })
            }
            _ => Err(Unsupported),
        }
    }

    /// Reads a place, zero-extended. A high byte is shifted down.
    pub fn read_place(&mut self, p: Place) -> Value {
        match p {
            Place::Reg { reg, lsb, w } => {
                let mut v = self.gpr(reg);
                if lsb != 0 {
                    v = self.shr_imm(Width::W64, v, 8);
                }
                if w == Width::W64 {
                    v
                } else {
                    self.op(Op::Zext, w, &[v])
                }
            }
            Place::Mem { addr, disp, w } => self.load(w, addr, disp),
        }
    }

    /// Reads a place that the instruction will write: a page fault is that of a write already, as the
    /// CPU checks both at once.
    pub fn read_to_update(&mut self, p: Place) -> Value {
        match p {
            Place::Reg { .. } => self.read_place(p),
            Place::Mem { addr, disp, w } => {
                self.op_imm(Op::Load, w, &[addr], disp.cast_unsigned(), FOR_UPDATE)
            }
        }
    }

    /// Writes the low bits of `v` to a place: 32-bit registers are zero-extended, smaller ones keep
    /// the other bits.
    pub fn write_place(&mut self, p: Place, v: Value) {
        match p {
            Place::Reg {
                reg, w: Width::W64, ..
            } => self.set_gpr(reg, v),
            Place::Reg {
                reg, w: Width::W32, ..
            } => {
                let v = self.op(Op::Zext, Width::W32, &[v]);
                self.set_gpr(reg, v);
            }
            Place::Reg { reg, lsb, w } => {
                let old = self.gpr(reg);
                let v = self.op_imm(Op::Deposit, w, &[old, v], lsb, 0);
                self.set_gpr(reg, v);
            }
            Place::Mem { addr, disp, w } => self.store(w, addr, disp, v),
        }
    }

    /// Loads from the stack at `addr + disp`.
    pub fn load_stack(&mut self, w: Width, addr: Value, disp: i64) -> Value {
        let outer = std::mem::replace(&mut self.stack, true);
        let v = self.load(w, addr, disp);
        self.stack = outer;
        v
    }

    /// Stores to the stack at `addr + disp`.
    pub fn store_stack(&mut self, w: Width, addr: Value, disp: i64, v: Value) {
        let outer = std::mem::replace(&mut self.stack, true);
        self.store(w, addr, disp, v);
        self.stack = outer;
    }

    /// Loads from `addr + disp`.
    pub fn load(&mut self, w: Width, addr: Value, disp: i64) -> Value {
        self.op_imm(Op::Load, w, &[addr], disp.cast_unsigned(), 0)
    }

    /// Stores to `addr + disp`.
    pub fn store(&mut self, w: Width, addr: Value, disp: i64, v: Value) {
        self.op_imm(Op::Store, w, &[addr, v], disp.cast_unsigned(), 0);
    }

    /// Reads operand `n`, zero-extended from its width (immediates: as iced extends them).
    ///
    /// # Errors
    /// If it is not an integer operand.
    pub fn read(&mut self, n: u32) -> Result<Value, Unsupported> {
        match self.insn.op_kind(n) {
            OpKind::Register | OpKind::Memory => {
                let p = self.place(n)?;
                Ok(self.read_place(p))
            }
            _ => {
                let w = self.width(n)?;
                let imm = self.insn.try_immediate(n).map_err(|_| Unsupported)?;
                Ok(self.konst(w.zext(imm)))
            }
        }
    }

    /// Writes operand `n`. Its address is computed here: for read-modify-write use `place`.
    ///
    /// # Errors
    /// If it is not an integer operand that can be written.
    pub fn write(&mut self, n: u32, v: Value) -> Lifted {
        let p = self.place(n)?;
        self.write_place(p, v);
        Ok(())
    }

    /// Operand `n`'s immediate as iced extends it.
    pub fn imm(&self, n: u32) -> u64 {
        self.insn.immediate(n)
    }

    /// Whether the last operand is an immediate.
    pub fn has_immediate(&self) -> bool {
        let last = self.insn.op_count().saturating_sub(1);
        self.insn.op_kind(last) == OpKind::Immediate8
    }

    /// The address of the memory operand, as a value and a constant to add.
    ///
    /// # Errors
    /// If the addressing form is not one of 64-bit mode.
    pub fn address(&mut self) -> Result<(Value, i64), Unsupported> {
        self.address_parts(true, None)
    }

    /// The address of the memory operand displaced by `extra` bytes: part of the effective address, so
    /// it wraps with it at 32 bits.
    ///
    /// # Errors
    /// If the addressing form is not one of 64-bit mode.
    pub fn address_plus(&mut self, extra: Value) -> Result<(Value, i64), Unsupported> {
        self.address_parts(true, Some(extra))
    }

    /// The effective address without the segment base, as LEA gives it.
    ///
    /// # Errors
    /// If the addressing form is not one of 64-bit mode.
    pub fn effective_address(&mut self) -> Result<Value, Unsupported> {
        let (a, disp) = self.address_parts(false, None)?;
        Ok(if disp == 0 {
            a
        } else {
            self.add_imm(Width::W64, a, disp)
        })
    }

    fn address_parts(
        &mut self,
        with_segment: bool,
        extra: Option<Value>,
    ) -> Result<(Value, i64), Unsupported> {
        let insn = self.insn;
        let (base, index) = (insn.memory_base(), insn.memory_index());
        let mut disp = insn.memory_displacement64().cast_signed();
        let mut sum = None;
        let mut short =
            insn.memory_displ_size() == 4 && base == Register::None && index == Register::None;
        if base.is_ip() {
            // iced gives the sum as the displacement.
            short = base == Register::EIP;
        } else if base != Register::None {
            let (reg, _, w) = Self::gpr_of(base)?;
            short = w == Width::W32;
            sum = Some(self.gpr(reg));
        }
        if index != Register::None {
            let (reg, _, w) = Self::gpr_of(index)?;
            short = w == Width::W32;
            let mut v = self.gpr(reg);
            let scale = insn.memory_index_scale();
            if scale > 1 {
                v = self.shl_imm(Width::W64, v, scale.trailing_zeros());
            }
            sum = Some(match sum {
                Some(s) => self.add(Width::W64, s, v),
                None => v,
            });
        }
        if let Some(extra) = extra {
            sum = Some(match sum {
                Some(s) => self.add(Width::W64, s, extra),
                None => extra,
            });
        }
        let addr = match sum {
            Some(s) if short => {
                let s = if disp == 0 {
                    s
                } else {
                    self.add_imm(Width::W64, s, disp)
                };
                disp = 0;
                self.op(Op::Zext, Width::W32, &[s])
            }
            Some(s) => s,
            None => {
                let at = if short {
                    disp.cast_unsigned() & 0xffff_ffff
                } else {
                    disp.cast_unsigned()
                };
                disp = 0;
                self.konst(at)
            }
        };
        let segment = match insn.memory_segment() {
            Register::FS if with_segment => Var::FsBase,
            Register::GS if with_segment => Var::GsBase,
            r => {
                self.stack |= with_segment && r == Register::SS;
                return Ok((addr, disp));
            }
        };
        let s = self.get(segment);
        Ok((self.add(Width::W64, addr, s), disp))
    }
}
