//! Operands for an encoding: registers, immediates, and memory that is mostly there.

// Operands take the low bits of the numbers drawn.
#![allow(clippy::cast_possible_truncation)]

use super::{Random, edgy};
use felix::replay::{DATA, DATA_LEN, Hex64, HexBytes, READ_ONLY};
use iced_x86::{
    Code, Encoder, Instruction, InstructionInfoFactory, MemoryOperand, Mnemonic, OpAccess,
    OpCodeOperandKind as K, OpKind, Register,
};
use rand::Rng;

const GPR64: [Register; 16] = [
    Register::RAX,
    Register::RCX,
    Register::RDX,
    Register::RBX,
    Register::RSP,
    Register::RBP,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

/// What a register holds before the case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// A pointer into the data.
    Pointer,
    /// A small number.
    Small,
    Anything,
}

/// What a vector register is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lanes {
    /// Any value, not written yet.
    Free,
    /// Small indices of so many bits.
    Indices(u32),
    /// Nothing known.
    Written,
}

/// The registers of a case, and which of them still hold what they held.
pub struct Registry {
    values: [u64; 16],
    holds: [Holds; 16],
    factory: InstructionInfoFactory,
    encoder: Encoder,
    patches: Vec<(u64, Vec<u8>)>,
    /// What vector registers hold that are indices of gathers, as 64-bit words.
    vectors: [Option<[u64; 4]>; 16],
    lanes: [Lanes; 16],
}

impl Registry {
    pub fn new(rng: &mut Random) -> Registry {
        let mut r = Registry {
            values: [0; 16],
            holds: [Holds::Anything; 16],
            factory: InstructionInfoFactory::new(),
            encoder: Encoder::new(64),
            patches: Vec::new(),
            vectors: [None; 16],
            lanes: [Lanes::Free; 16],
        };
        for i in 0..16 {
            // RSP, RSI and RDI are mostly pointers, RCX is mostly small: implicit operands want that.
            let kind = match i {
                4 => 0,
                6 | 7 => rng.random_range(0..4) / 3 * 2,
                1 => 1 + rng.random_range(0..4) / 3,
                _ => rng.random_range(0..4),
            };
            (r.holds[i], r.values[i]) = match kind {
                0 => (Holds::Pointer, pointer(rng)),
                1 => (Holds::Small, rng.random_range(0..16)),
                _ => (Holds::Anything, edgy(rng)),
            };
        }
        r
    }

    pub fn values(&self) -> [Hex64; 16] {
        self.values.map(Hex64)
    }

    /// What a vector register holds before the case, if it holds indices.
    pub fn indices(&self, n: usize) -> Option<[u64; 4]> {
        self.vectors[n]
    }

    /// A vector register with small indices of so many bits in its lanes, unless none is left.
    fn index(&mut self, rng: &mut Random, bits: u32) -> Option<usize> {
        let mut with = |lanes| -> Option<usize> {
            let fit: Vec<usize> = (0..16).filter(|i| self.lanes[*i] == lanes).collect();
            (!fit.is_empty()).then(|| fit[rng.random_range(0..fit.len())])
        };
        if let Some(n) = with(Lanes::Indices(bits)) {
            return Some(n);
        }
        let n = with(Lanes::Free)?;
        self.lanes[n] = Lanes::Indices(bits);
        self.vectors[n] = Some(std::array::from_fn(|_| {
            let mut lane = |bits: u32| {
                let v: i64 = rng.random_range(-32..128);
                v as u64 & u64::MAX >> (64 - bits)
            };
            match bits {
                32 => lane(32) | lane(32) << 32,
                _ => lane(64),
            }
        }));
        Some(n)
    }

    pub fn patches(&self) -> Vec<(Hex64, HexBytes)> {
        self.patches
            .iter()
            .map(|(at, b)| (Hex64(*at), HexBytes(b.clone())))
            .collect()
    }

    /// Forgets what registers hold that `insn` writes.
    pub fn wrote(&mut self, insn: &Instruction) {
        for used in self.factory.info(insn).used_registers() {
            let writes = written(used.access());
            let full = used.register().full_register();
            // Stack instructions keep RSP a pointer.
            if writes && full.is_gpr64() && (full != Register::RSP || !insn.is_stack_instruction())
            {
                self.holds[full.number()] = Holds::Anything;
            }
            if writes && full.is_vector_register() && full.number() < 16 {
                self.lanes[full.number()] = Lanes::Written;
            }
        }
    }

    /// A register with a small number, if there is one.
    pub fn small(&self, rng: &mut Random) -> Option<Register> {
        let small: Vec<usize> = (0..16).filter(|i| self.holds[*i] == Holds::Small).collect();
        small
            .get(rng.random_range(0..small.len().max(1)))
            .map(|i| GPR64[*i])
    }

    /// The registers that hold neither a pointer nor a small number, but RSP and `not`.
    pub fn free(&self, not: Register) -> Vec<Register> {
        (0..16)
            .filter(|i| self.holds[*i] == Holds::Anything && *i != 4)
            .map(|i| GPR64[i])
            .filter(|r| *r != not)
            .collect()
    }

    /// One of `free`.
    pub fn anything(&self, rng: &mut Random, not: Register) -> Option<Register> {
        let free = self.free(not);
        free.get(rng.random_range(0..free.len().max(1))).copied()
    }

    /// Gives a register a small number, as a counter.
    pub fn count(&mut self, register: Register, n: u64) {
        self.values[register.number()] = n;
        self.holds[register.number()] = Holds::Small;
    }

    /// Whether `insn` may write the register.
    pub fn writes(&mut self, insn: &Instruction, register: Register) -> bool {
        let used = self.factory.info(insn).used_registers();
        used.iter()
            .any(|u| written(u.access()) && u.register().full_register() == register)
    }

    /// Whether `insn` may write a register that holds a pointer, other than RSP.
    pub fn spoils_pointer(&mut self, insn: &Instruction) -> bool {
        let used = self.factory.info(insn).used_registers();
        used.iter()
            .filter(|u| written(u.access()))
            .map(|u| u.register().full_register())
            .any(|r| r.is_gpr64() && r != Register::RSP && self.holds[r.number()] == Holds::Pointer)
    }

    /// An instruction with this encoding; `None` if the operands drawn do not encode.
    pub fn instruction(&mut self, rng: &mut Random, code: Code) -> Option<Instruction> {
        let mut insn = Instruction::default();
        insn.set_code(code);
        let info = code.op_code();
        for n in 0..info.op_count() {
            self.operand(rng, &mut insn, n, info.op_kind(n))?;
        }
        let memory_written = info.op_count() > 0 && insn.op_kind(0) == OpKind::Memory;
        if info.can_use_lock_prefix() && memory_written && rng.random_bool(0.3) {
            insn.set_has_lock_prefix(true);
        }
        if info.can_use_rep_prefix() && rng.random_bool(0.6) && insn.is_string_instruction() {
            insn.set_has_rep_prefix(true);
        } else if info.can_use_repne_prefix()
            && rng.random_bool(0.4)
            && insn.is_string_instruction()
        {
            insn.set_has_repne_prefix(true);
        }
        // The same register twice is #UD: once in a while.
        if insn.is_vsib() && !distinct(&insn) && rng.random_bool(0.95) {
            return None;
        }
        if !sensible(&insn) {
            return None;
        }
        // Branches get their target later.
        if !matches!(
            info.op_kind(0),
            K::br64_1 | K::br64_4 | K::br16_2 | K::br32_1 | K::br32_4 | K::br16_1
        ) || info.op_count() == 0
        {
            self.encoder.encode(&insn, 0x4000_0000).ok()?;
            let mut bytes = self.encoder.take_buffer();
            bytes.clear();
            self.encoder.set_buffer(bytes);
        } else if !matches!(info.op_kind(0), K::br64_1 | K::br64_4) {
            return None;
        }
        Some(insn)
    }

    fn operand(&mut self, rng: &mut Random, insn: &mut Instruction, n: u32, kind: K) -> Option<()> {
        let reg = |rng: &mut Random, first: Register, count: u32| {
            Register::try_from(first as usize + rng.random_range(0..count) as usize).ok()
        };
        let memory_too = matches!(
            kind,
            K::r8_or_mem
                | K::r16_or_mem
                | K::r32_or_mem
                | K::r64_or_mem
                | K::xmm_or_mem
                | K::ymm_or_mem
                | K::mm_or_mem
        );
        if memory_too && rng.random_bool(0.4) {
            return self.memory(rng, insn, n);
        }
        let register = match kind {
            K::mem | K::mem_offs | K::mem_mib => return self.memory(rng, insn, n),
            K::mem_vsib32x | K::mem_vsib64x | K::mem_vsib32y | K::mem_vsib64y => {
                return self.vsib(rng, insn, n, kind);
            }
            K::r8_or_mem | K::r8_reg | K::r8_opcode => reg(rng, Register::AL, 20)?,
            K::r16_or_mem | K::r16_reg | K::r16_rm | K::r16_opcode | K::r16_reg_mem => {
                reg(rng, Register::AX, 16)?
            }
            K::r32_or_mem
            | K::r32_reg
            | K::r32_rm
            | K::r32_opcode
            | K::r32_reg_mem
            | K::r32_vvvv => reg(rng, Register::EAX, 16)?,
            K::r64_or_mem
            | K::r64_reg
            | K::r64_rm
            | K::r64_opcode
            | K::r64_reg_mem
            | K::r64_vvvv => reg(rng, Register::RAX, 16)?,
            K::xmm_or_mem | K::xmm_reg | K::xmm_rm | K::xmm_vvvv | K::xmm_is4 => {
                reg(rng, Register::XMM0, 16)?
            }
            K::ymm_or_mem | K::ymm_reg | K::ymm_rm | K::ymm_vvvv | K::ymm_is4 => {
                reg(rng, Register::YMM0, 16)?
            }
            K::mm_reg | K::mm_rm | K::mm_or_mem => reg(rng, Register::MM0, 8)?,
            K::st0 => Register::ST0,
            K::sti_opcode => reg(rng, Register::ST0, 8)?,
            K::seg_reg => reg(rng, Register::ES, 6)?,
            K::al => Register::AL,
            K::cl => Register::CL,
            K::ax => Register::AX,
            K::dx => Register::DX,
            K::eax => Register::EAX,
            K::rax => Register::RAX,
            K::fs => Register::FS,
            K::gs => Register::GS,
            K::imm8
            | K::imm8_const_1
            | K::imm8sex16
            | K::imm8sex32
            | K::imm8sex64
            | K::imm16
            | K::imm32
            | K::imm32sex64
            | K::imm64 => {
                self.immediate(rng, insn, n, kind);
                return Some(());
            }
            K::seg_rSI => {
                insn.set_op_kind(n, OpKind::MemorySegRSI);
                return Some(());
            }
            K::es_rDI => {
                insn.set_op_kind(n, OpKind::MemoryESRDI);
                return Some(());
            }
            K::seg_rDI => {
                insn.set_op_kind(n, OpKind::MemorySegRDI);
                return Some(());
            }
            K::seg_rBX_al => {
                insn.set_op_kind(n, OpKind::Memory);
                insn.set_memory_base(Register::RBX);
                insn.set_memory_index(Register::AL);
                return Some(());
            }
            K::br64_1 | K::br64_4 => {
                insn.set_op_kind(n, OpKind::NearBranch64);
                return Some(());
            }
            _ => return None,
        };
        insn.set_op_kind(n, OpKind::Register);
        insn.set_op_register(n, register);
        Some(())
    }

    fn immediate(&mut self, rng: &mut Random, insn: &mut Instruction, n: u32, kind: K) {
        let v = edgy(rng);
        let op_kind = match kind {
            K::imm8sex16 => OpKind::Immediate8to16,
            K::imm8sex32 => OpKind::Immediate8to32,
            K::imm8sex64 => OpKind::Immediate8to64,
            K::imm16 => OpKind::Immediate16,
            K::imm32 => OpKind::Immediate32,
            K::imm32sex64 => OpKind::Immediate32to64,
            K::imm64 => OpKind::Immediate64,
            _ if n > 0
                && matches!(
                    insn.op_kind(n - 1),
                    OpKind::Immediate16 | OpKind::Immediate8
                ) =>
            {
                OpKind::Immediate8_2nd
            }
            _ => OpKind::Immediate8,
        };
        insn.set_op_kind(n, op_kind);
        let sext8 = v as u8 as i8;
        match op_kind {
            OpKind::Immediate8 if kind == K::imm8_const_1 => insn.set_immediate8(1),
            OpKind::Immediate8 => insn.set_immediate8(v as u8),
            OpKind::Immediate8_2nd => insn.set_immediate8_2nd(v as u8 & 7),
            OpKind::Immediate8to16 => insn.set_immediate8to16(sext8.into()),
            OpKind::Immediate8to32 => insn.set_immediate8to32(sext8.into()),
            OpKind::Immediate8to64 => insn.set_immediate8to64(sext8.into()),
            // ENTER and RET take their size from here: keep the stack inside the data mostly.
            OpKind::Immediate16 if insn.op_count() <= 2 && insn.is_stack_instruction() => {
                insn.set_immediate16(v as u16 & 0x3f)
            }
            OpKind::Immediate16 => insn.set_immediate16(v as u16),
            OpKind::Immediate32 => insn.set_immediate32(v as u32),
            OpKind::Immediate32to64 => insn.set_immediate32to64((v as u32 as i32).into()),
            _ => insn.set_immediate64(v),
        }
    }

    /// A memory operand with a vector of indices, which are mostly small.
    fn vsib(&mut self, rng: &mut Random, insn: &mut Instruction, n: u32, kind: K) -> Option<()> {
        self.memory(rng, insn, n)?;
        let bits = match kind {
            K::mem_vsib32x | K::mem_vsib32y => 32,
            _ => 64,
        };
        let first = match kind {
            K::mem_vsib32x | K::mem_vsib64x => Register::XMM0,
            _ => Register::YMM0,
        };
        insn.set_segment_prefix(Register::None);
        let small = match rng.random_bool(0.95) {
            true => self.index(rng, bits),
            false => None,
        };
        let index = small.unwrap_or_else(|| rng.random_range(0..16));
        insn.set_memory_index(Register::try_from(first as usize + index).ok()?);
        insn.set_memory_index_scale(1 << rng.random_range(0..4));
        let pointers = (0..16).filter(|i| self.holds[*i] == Holds::Pointer);
        let pointers: Vec<usize> = pointers.collect();
        if pointers.is_empty() {
            insn.set_memory_base(Register::None);
            let at = DATA + rng.random_range(0x400..DATA_LEN as u64 - 0x400);
            insn.set_memory_displacement64(at);
            insn.set_memory_displ_size(4);
        } else {
            let base = pointers[rng.random_range(0..pointers.len())];
            insn.set_memory_base(GPR64[base]);
            let at = DATA + rng.random_range(0x400..DATA_LEN as u64 - 0x800);
            let disp = at.wrapping_sub(self.values[base]) as i64;
            insn.set_memory_displacement64(disp as u64);
            insn.set_memory_displ_size(8);
        }
        Some(())
    }

    /// A memory operand: mostly inside the data, sometimes across a page into nothing, misaligned, or in
    /// the read-only page.
    fn memory(&mut self, rng: &mut Random, insn: &mut Instruction, n: u32) -> Option<()> {
        let aligned = rng.random_bool(0.6);
        // XSAVE's are aligned to more.
        let area = takes_components(insn) && rng.random_bool(0.8);
        let place = |rng: &mut Random| {
            let at = match rng.random_range(0..40) {
                0 => DATA + DATA_LEN as u64 - rng.random_range(0..24),
                1 => DATA.wrapping_sub(rng.random_range(0..24)),
                2 => READ_ONLY + rng.random_range(0..0xff0),
                3 => return edgy(rng),
                4 => DATA + 0x1000 * rng.random_range(1..4) - rng.random_range(0..16),
                _ => DATA + rng.random_range(64..DATA_LEN as u64 - 64),
            };
            if area {
                at & !63
            } else if aligned {
                at & !15
            } else {
                at
            }
        };
        insn.set_op_kind(n, OpKind::Memory);
        let target = place(rng);
        let pointers: Vec<usize> = (0..16)
            .filter(|i| self.holds[*i] == Holds::Pointer)
            .collect();
        let small: Vec<usize> = (0..16)
            .filter(|i| self.holds[*i] == Holds::Small && *i != 4)
            .collect();
        let segment = match rng.random_range(0..24) {
            0 => Register::FS,
            1 => Register::GS,
            _ => Register::None,
        };
        let operand = if segment != Register::None {
            // The base of the segment is in the middle of the data.
            let disp = rng.random_range(-256..256i64) & if aligned { !15 } else { -1 };
            MemoryOperand::new(Register::None, Register::None, 1, disp, 4, false, segment)
        } else if !pointers.is_empty() && rng.random_bool(0.8) {
            let base = pointers[rng.random_range(0..pointers.len())];
            let mut from = self.values[base];
            let (mut index, mut scale) = (Register::None, 1);
            if !small.is_empty() && rng.random_bool(0.4) {
                let i = small[rng.random_range(0..small.len())];
                scale = 1 << rng.random_range(0..4);
                index = GPR64[i];
                from = from.wrapping_add(self.values[i] * u64::from(scale));
            }
            let disp = target.wrapping_sub(from) as i64;
            let disp = if i32::try_from(disp).is_ok() {
                disp
            } else {
                rng.random_range(-128..128)
            };
            let short = rng.random_bool(0.05);
            let (base, index) = if short {
                (
                    half(GPR64[base]),
                    if index == Register::None {
                        index
                    } else {
                        half(index)
                    },
                )
            } else {
                (GPR64[base], index)
            };
            let size = if i8::try_from(disp).is_ok() && rng.random_bool(0.9) {
                1
            } else if short {
                4
            } else {
                8
            };
            MemoryOperand::new(base, index, scale, disp, size, false, Register::None)
        } else if i32::try_from(target).is_ok() && rng.random_bool(0.5) {
            MemoryOperand::new(
                Register::RIP,
                Register::None,
                1,
                target as i64,
                8,
                false,
                Register::None,
            )
        } else if i32::try_from(target).is_ok() {
            MemoryOperand::new(
                Register::None,
                Register::None,
                1,
                target as i64,
                4,
                false,
                Register::None,
            )
        } else {
            let base = rng.random_range(0..16);
            MemoryOperand::new(GPR64[base], Register::None, 1, 0, 0, false, Register::None)
        };
        insn.set_memory_base(operand.base);
        insn.set_memory_index(operand.index);
        insn.set_memory_index_scale(operand.scale);
        insn.set_memory_displacement64(operand.displacement as u64);
        insn.set_memory_displ_size(operand.displ_size);
        insn.set_segment_prefix(operand.segment_prefix);
        if matches!(insn.mnemonic(), Mnemonic::Ldmxcsr)
            && (DATA..DATA + DATA_LEN as u64 - 4).contains(&target)
        {
            // Noise has reserved bits set: give it something that loads.
            let mxcsr = 0x1f82 | rng.random::<u32>() & 0xe03f;
            self.patches.push((target, mxcsr.to_le_bytes().to_vec()));
        }
        let restores = matches!(insn.mnemonic(), Mnemonic::Xrstor | Mnemonic::Xrstor64);
        let fits = (DATA..DATA + DATA_LEN as u64 - 576).contains(&target);
        if restores && fits && rng.random_bool(0.9) {
            // The header: XSTATE_BV, now and then a compacted one's XCOMP_BV, zeros.
            let mxcsr = 0x1f80 | rng.random::<u32>() & 0xe03f;
            self.patches
                .push((target + 24, mxcsr.to_le_bytes().to_vec()));
            let mut header = vec![0; 64];
            header[0] = rng.random_range(0..8);
            if rng.random_bool(0.3) {
                header[8] = 7;
                header[15] = 0x80;
            }
            self.patches.push((target + 512, header));
        }
        Some(())
    }
}

/// Whether the three vector registers of a gather differ, as they must (SDM vol. 2, VPGATHERDD).
fn distinct(insn: &Instruction) -> bool {
    let (a, b) = (insn.op_register(0), insn.op_register(2));
    let index = insn.memory_index();
    let n = |r: Register| r.number();
    n(a) != n(b) && n(a) != n(index) && n(b) != n(index)
}

fn written(access: OpAccess) -> bool {
    !matches!(
        access,
        OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess
    )
}

fn half(r: Register) -> Register {
    Register::try_from(Register::EAX as usize + r.number()).unwrap_or(r)
}

fn pointer(rng: &mut Random) -> u64 {
    let p = DATA + rng.random_range(256..DATA_LEN as u64 - 256);
    if rng.random_bool(0.7) { p & !15 } else { p }
}

/// Instructions that no two CPUs need agree on, or that end in the host's kernel.
fn sensible(insn: &Instruction) -> bool {
    match insn.mnemonic() {
        // INT 80H is i386's system call.
        Mnemonic::Int => insn.immediate8() != 0x80,
        // A 16-bit operand: undefined.
        Mnemonic::Bswap => insn.op_register(0).size() != 2,
        // More than 16 places of a 16-bit operand: undefined.
        Mnemonic::Shld | Mnemonic::Shrd => {
            let size = if insn.op_kind(0) == OpKind::Register {
                insn.op_register(0).size()
            } else {
                insn.memory_size().size()
            };
            // `choose_count` sees to CL.
            size != 2 || insn.op_kind(2) == OpKind::Register || insn.immediate8() & 31 <= 16
        }
        _ => true,
    }
}

/// Whether an instruction has an undefined result if CL is above 16.
pub fn counts_too_far(insn: &Instruction) -> bool {
    matches!(insn.code(), Code::Shld_rm16_r16_CL | Code::Shrd_rm16_r16_CL)
}

/// Such an instruction after CL got a count it is defined for.
pub fn choose_count(rng: &mut Random, ip: u64, insn: Instruction) -> Option<[Instruction; 2]> {
    let count: u32 = rng.random_range(0..=16) | (32 * rng.random_range(0..8));
    let mut low = Instruction::with2(Code::Mov_r8_imm8, Register::CL, count).ok()?;
    low.set_ip(ip);
    let mut insn = insn;
    insn.set_ip(ip + 16);
    Some([low, insn])
}

/// Whether a register operand is a selector that is asked about.
pub fn takes_selector(insn: &Instruction) -> bool {
    use Mnemonic::{Lar, Lsl, Verr, Verw};
    let last = insn.op_count().saturating_sub(1);
    matches!(insn.mnemonic(), Lar | Lsl | Verr | Verw) && insn.op_kind(last) == OpKind::Register
}

/// Such an instruction after its register got a selector of Linux's table, or near one; not that of the
/// segment whose limit is the processor's number.
pub fn choose_selector(rng: &mut Random, ip: u64, insn: Instruction) -> Option<[Instruction; 2]> {
    let selector: u32 = rng.random_range(0..0x78);
    let register = half(insn.op_register(insn.op_count() - 1).full_register());
    let mut low = Instruction::with2(Code::Mov_r32_imm32, register, selector).ok()?;
    low.set_ip(ip);
    let mut insn = insn;
    insn.set_ip(ip + 16);
    Some([low, insn])
}

/// Whether EDX:EAX says which state components an instruction is about.
pub fn takes_components(insn: &Instruction) -> bool {
    matches!(
        insn.mnemonic(),
        Mnemonic::Xsave
            | Mnemonic::Xsave64
            | Mnemonic::Xsaveopt
            | Mnemonic::Xsaveopt64
            | Mnemonic::Xsavec
            | Mnemonic::Xsavec64
            | Mnemonic::Xrstor
            | Mnemonic::Xrstor64
    )
}

/// Such an instruction, about x87, SSE and AVX: of other components this machine's CPU may have more
/// than felix. No flag is changed.
pub fn choose_components(rng: &mut Random, ip: u64, insn: Instruction) -> Option<[Instruction; 3]> {
    let components: u32 = rng.random_range(0..8);
    let mut low = Instruction::with2(Code::Mov_r32_imm32, Register::EAX, components).ok()?;
    let mut high = Instruction::with2(Code::Mov_r32_imm32, Register::EDX, 0).ok()?;
    low.set_ip(ip);
    high.set_ip(ip + 16);
    let mut insn = insn;
    insn.set_ip(ip + 32);
    Some([low, high, insn])
}

/// POPF with the flags that would trap or trace cleared from the stack first. No new flags are read.
pub fn tame_flags(ip: u64, popf: Instruction) -> Option<[Instruction; 3]> {
    // NT, TF, AC and ID out; the mask is applied by two byte-wise ANDs that themselves only change flags POPF
    // overwrites anyway.
    let stack = |disp| MemoryOperand::with_base_displ(Register::RSP, disp);
    let mut low = Instruction::with2(Code::And_rm16_imm16, stack(0), 0xbeff_u32).ok()?;
    let mut high = Instruction::with2(Code::And_rm16_imm16, stack(2), 0xffdb_u32).ok()?;
    low.set_ip(ip);
    high.set_ip(ip + 16);
    let mut popf = popf;
    popf.set_ip(ip + 32);
    Some([low, high, popf])
}
