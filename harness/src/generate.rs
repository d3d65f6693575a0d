//! Cases from the rows of the instruction table: every supported encoding, operand form, size and
//! addressing mode, with values biased to edges.
//!
//! One seed, one case: nothing else is random. What the manual leaves undefined is followed through the
//! sequence (`Undefined`), so that only defined flags are ever read or compared.
//!
//! A campaign draws some instructions from a `Guide` instead: those that were seen least. Without one
//! nothing depends on what was generated before.

mod guide;
mod operands;
mod shape;
mod stack;
mod undefined;

use crate::coverage::Item;
use crate::sys::GUEST_FS;
use felix::lift::{Family, ROWS, row_for, supported};
use felix::lower::FpMode;
use felix::replay::{CODE, CODE_LEN, Case, DATA, DATA_LEN, Hex64, HexBytes, Registers};
use felix::x86::Rflags;
use guide::Draws;
pub use guide::Guide;
use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, EncodingKind, Formatter, Instruction,
    InstructionBlock, IntelFormatter, Mnemonic, OpKind, Register,
};
use operands::Registry;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shape::{FUNCTION, Shape};
use stack::Stack;
use undefined::Undefined;

/// The random numbers of one case.
pub type Random = Pcg64Mcg;

/// What may be generated.
pub struct Generator {
    /// Encodings, grouped by row, so that each mnemonic is equally likely.
    rows: Vec<Vec<Code>>,
    /// How many of them have encodings without VEX for vector registers; they come first.
    legacy: usize,
    longest: usize,
    /// Whether cases begin with MXCSR.DE set where the JIT's usual mode, which does not track it,
    /// would show otherwise.
    denormal_sticky: bool,
    /// Whether some cases have loops and calls, which takes instructions of its own.
    shaped: bool,
    /// For cases about x87 and MMX registers.
    stacks: Vec<(Stack, Generator)>,
}

/// The share of cases that are about x87 and MMX registers, if all rows are drawn from, and if they are
/// of a few mnemonics that can be.
const STACKS: [f64; 2] = [0.08, 0.6];

impl Generator {
    /// All rows, or those whose mnemonic is in `only`.
    #[must_use]
    pub fn new(only: &[Mnemonic], longest: usize, denormal_sticky: bool) -> Generator {
        let mut rows: Vec<Vec<Code>> = ROWS
            .iter()
            .filter(|r| only.is_empty() || only.contains(&r.mnemonic))
            .filter(|r| !EXCLUDED.contains(&r.mnemonic))
            .map(|r| {
                Code::values()
                    .filter(|c| c.mnemonic() == r.mnemonic && supported(*c) && generated(*c))
                    .collect()
            })
            .filter(|codes: &Vec<Code>| !codes.is_empty())
            .collect();
        let vex = |codes: &Vec<Code>| codes.iter().all(|c| vex_vector(*c));
        rows.sort_by_key(vex);
        let legacy = rows.iter().filter(|codes| !vex(codes)).count();
        Generator {
            stacks: Generator::stacks(&rows, longest, denormal_sticky),
            rows,
            legacy,
            longest,
            denormal_sticky,
            shaped: only.is_empty(),
        }
    }

    /// The mnemonics and their encodings, for coverage.
    pub fn codes(&self) -> impl Iterator<Item = Code> + '_ {
        self.rows.iter().flatten().copied()
    }

    /// Case number `index` of the campaign with this seed.
    #[must_use]
    pub fn case(&self, seed: u64, index: u64) -> Case {
        self.guided(None, seed, index)
    }

    /// The same, with some instructions drawn from the guide.
    #[must_use]
    pub fn guided(&self, guide: Option<&Guide>, seed: u64, index: u64) -> Case {
        let mut rng = Random::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index);
        loop {
            if let Some(case) = self.attempt(&mut rng, guide) {
                return case;
            }
        }
    }

    /// An instruction of a row, each as likely as any other, or one of the guide's.
    fn draw(
        &self,
        rng: &mut Random,
        registry: &mut Registry,
        (draws, rows): (Option<&Draws>, usize),
    ) -> Option<Instruction> {
        let all = rows == self.rows.len();
        if let Some(item) = draws
            .and_then(|d| d.draw(rng))
            .filter(|item| all || !vex_vector(item.code))
        {
            // The form is the operands' choice: it comes up within a few tries.
            return (0..4)
                .filter_map(|_| registry.instruction(rng, item.code))
                .find(|insn| Item::of(insn) == item);
        }
        let row = &self.rows[rng.random_range(0..rows)];
        let code = row[rng.random_range(0..row.len())];
        registry.instruction(rng, code)
    }

    fn attempt(&self, rng: &mut Random, guide: Option<&Guide>) -> Option<Case> {
        // Decided beside the numbers of all other cases, which stay what they were.
        let share = STACKS[usize::from(!self.shaped)];
        let mut aside = rng.clone();
        aside.advance(1 << 40);
        if !self.stacks.is_empty() && aside.random_bool(share) {
            return self.stack_case(rng);
        }
        // Short ones are as likely as long ones: they reduce better.
        let len = 1 + rng.random_range(0..self.longest) * usize::from(rng.random_bool(0.7));
        // Unicorn has no AVX, and would hardly be asked anything if all cases had some.
        let rows = match self.legacy {
            0 => self.rows.len(),
            legacy if rng.random_bool(0.5) => legacy,
            _ => self.rows.len(),
        };
        let draws = guide.map(|g| g.begin(rng));
        let draws = (draws.as_ref(), rows);
        let mut registry = Registry::new(rng);
        let mut shape = (self.shaped && len >= 4 && rng.random_bool(0.3))
            .then(|| Shape::new(rng, &mut registry));
        let mut undefined = Undefined::new(len);
        let how = (shape.as_mut(), draws);
        let mut insns = self.part(rng, &mut registry, &mut undefined, (0, len), how)?;
        let mut end = Instruction::with(Code::Int3);
        end.set_ip(label(len));
        // Sequences may be shorter than planned: jumps to the end stay valid.
        insns.push(end);
        let mut undefined_flags = undefined.mask();
        if shape.as_ref().is_some_and(|s| s.function) {
            let len = rng.random_range(1..10);
            let mut undefined = Undefined::new(len);
            let part = (FUNCTION, len);
            let how = (shape.as_mut(), draws);
            insns.extend(self.part(rng, &mut registry, &mut undefined, part, how)?);
            // The code after the calls was made for defined flags.
            let mut ip = label(FUNCTION + len);
            if undefined.at_end() != 0 {
                let (a, b) = (Register::RAX, Register::RCX);
                let mut cmp = Instruction::with2(Code::Cmp_r64_rm64, a, b).ok()?;
                cmp.set_ip(ip);
                insns.push(cmp);
                ip += 16;
            }
            let mut ret = Instruction::with(Code::Retnq);
            ret.set_ip(ip);
            insns.push(ret);
            undefined_flags |= undefined.mask();
        }
        let start = if rng.random_bool(0.1) {
            // Across the page boundary inside the window.
            CODE + 0x1000 - rng.random_range(1..32)
        } else {
            CODE + rng.random_range(0..64)
        };
        let (mut code, mut address) = encode(&insns, start)?;
        let mut patches = registry.patches();
        if let Some(shape) = &shape {
            shape::settle(&mut insns, &address);
            // Nothing has another size now.
            (code, address) = encode(&insns, start)?;
            patches.extend(shape::patches(&shape.tables, &address)?);
        }
        self.finish(rng, &registry, (start, code), patches, undefined_flags)
    }

    /// A case about x87 or MMX registers.
    fn stack_case(&self, rng: &mut Random) -> Option<Case> {
        let (stack, own) = &self.stacks[rng.random_range(0..self.stacks.len())];
        let len = 1 + rng.random_range(0..self.longest);
        let mut registry = Registry::new(rng);
        let mut undefined = Undefined::new(len);
        let (mut insns, mut patches) = stack.loads(rng)?;
        let how = (None, (None, own.rows.len()));
        insns.extend(own.part(rng, &mut registry, &mut undefined, (0, len), how)?);
        let (stores, behind) = stack.stores(label(len))?;
        insns.extend(stores);
        let mut end = Instruction::with(Code::Int3);
        end.set_ip(behind);
        insns.push(end);
        let start = CODE + rng.random_range(0..64);
        let (code, _) = encode(&insns, start)?;
        patches.extend(registry.patches());
        self.finish(rng, &registry, (start, code), patches, undefined.mask())
    }

    fn finish(
        &self,
        rng: &mut Random,
        registry: &Registry,
        (start, code): (u64, Vec<u8>),
        patches: Vec<(Hex64, HexBytes)>,
        undefined_flags: u64,
    ) -> Option<Case> {
        if start + code.len() as u64 > CODE + CODE_LEN as u64 {
            return None;
        }
        let mut before = registry.registers(rng, start);
        if self.denormal_sticky && FpMode::of(before.mxcsr) == FpMode::Usual {
            before.mxcsr |= MXCSR_DE;
        }
        Some(Case {
            about: String::new(),
            // Text costs more than running it: whoever writes a case has it made (`list`).
            listing: Vec::new(),
            code: HexBytes(code),
            before,
            memory: rng.random_range(0..64),
            patches,
            undefined_flags: Hex64(undefined_flags),
            after: None,
        })
    }
    /// A sequence of `len` instructions, or fewer, with labels from `base` on.
    fn part(
        &self,
        rng: &mut Random,
        registry: &mut Registry,
        undefined: &mut Undefined,
        (base, len): (usize, usize),
        (mut shape, draws): (Option<&mut Shape>, (Option<&Draws>, usize)),
    ) -> Option<Vec<Instruction>> {
        let mut insns: Vec<Instruction> = Vec::with_capacity(len);
        // The undefined flags before each instruction that a jump back may lead to.
        let mut heads: Vec<(u64, u64)> = Vec::new();
        let mut tries = 0;
        while insns.len() < len && tries < len * 20 {
            tries += 1;
            let at = insns.len();
            let ip = label(base + at);
            if let Some(shape) = &mut shape {
                let call = shape.function && base != FUNCTION && undefined.now() == 0;
                if call && rng.random_bool(0.06) {
                    let Some(call) = shape.call(rng, registry, at) else {
                        continue;
                    };
                    heads.push((ip, 0));
                    call.iter().for_each(|i| undefined.step(i));
                    insns.extend(call);
                    continue;
                }
                if base != FUNCTION && rng.random_bool(0.06) {
                    let before = undefined.now();
                    let Some((jump, targets)) = shape.jump(rng, registry, at, len) else {
                        continue;
                    };
                    heads.push((ip, before));
                    // AND, if there is one, defines flags before the jump takes them along.
                    let (last, and) = jump.split_last()?;
                    and.iter().for_each(|i| undefined.step(i));
                    targets.iter().for_each(|t| undefined.jump(*t));
                    undefined.step(last);
                    insns.extend(jump);
                    continue;
                }
                let changed = rng.random_range(0..16);
                let change = match changed {
                    0 => shape.victim(rng, registry, base + at),
                    1 | 2 => shape.store(rng, registry, base + at),
                    _ => None,
                };
                if let Some(change) = change {
                    heads.push((ip, undefined.now()));
                    undefined.step(&change);
                    registry.wrote(&change);
                    insns.push(change);
                    continue;
                }
                if call && rng.random_bool(0.12) {
                    let mut call =
                        Instruction::with_branch(Code::Call_rel32_64, label(FUNCTION)).ok()?;
                    call.set_ip(ip);
                    heads.push((ip, 0));
                    undefined.step(&call);
                    insns.push(call);
                    continue;
                }
                if at > 0 && at + 2 <= len && rng.random_bool(0.15) {
                    let (head, allowed) = heads[rng.random_range(0..heads.len())];
                    let before = undefined.now();
                    let after = label(base + at + 2);
                    if let Some(pair) = shape.back(rng, ip, head, after, (before, allowed)) {
                        heads.push((ip, before));
                        pair.iter().for_each(|i| undefined.step(i));
                        insns.extend(pair);
                    }
                    continue;
                }
            }
            let Some(mut insn) = self.draw(rng, registry, draws) else {
                continue;
            };
            let last = ENDS.contains(&insn.mnemonic());
            if let Some(shape) = &shape {
                let function = base == FUNCTION;
                let counts = operands::counts_too_far(&insn) && shape.counts_in(Register::RCX);
                if counts || function && last || !shape.admits(rng, registry, &insn, function) {
                    continue;
                }
            }
            if insn.is_jcc_short_or_near()
                || insn.is_jmp_short_or_near()
                || insn.is_call_near()
                || insn.is_loop()
                || insn.is_loopcc()
                || insn.is_jcx_short()
            {
                // Forward only, so that cases end; `Shape` makes the jumps back.
                let target = rng.random_range(at + 1..=len);
                insn.set_near_branch64(label(base + target));
                if !undefined.allows(&insn) {
                    continue;
                }
                undefined.jump(target);
            } else if !undefined.allows(&insn) {
                continue;
            }
            insn.set_ip(ip);
            heads.push((ip, undefined.now()));
            undefined.step(&insn);
            registry.wrote(&insn);
            if insn.mnemonic() == Mnemonic::Popfq || insn.mnemonic() == Mnemonic::Popf {
                insns.extend(operands::tame_flags(ip, insn)?);
                undefined.advance(2);
            } else if operands::takes_components(&insn) && rng.random_bool(0.9) {
                let chosen = operands::choose_components(rng, ip, insn)?;
                chosen.iter().for_each(|i| registry.wrote(i));
                insns.extend(chosen);
                undefined.advance(2);
            } else if operands::takes_selector(&insn) && rng.random_bool(0.9) {
                let chosen = operands::choose_selector(rng, ip, insn)?;
                chosen.iter().for_each(|i| registry.wrote(i));
                insns.extend(chosen);
                undefined.advance(1);
            } else if operands::counts_too_far(&insn) {
                let chosen = operands::choose_count(rng, ip, insn)?;
                chosen.iter().for_each(|i| registry.wrote(i));
                insns.extend(chosen);
                undefined.advance(1);
            } else {
                insns.push(insn);
            }
            if last {
                break;
            }
        }
        if insns.len() < len {
            // Cut short: jumps beyond the end go to it.
            let beyond = label(base + insns.len())..label(base + len);
            for insn in &mut insns {
                if insn.op_count() > 0
                    && insn.op_kind(0) == OpKind::NearBranch64
                    && insn.near_branch64() > beyond.start
                    && insn.near_branch64() < beyond.end
                {
                    insn.set_near_branch64(beyond.end);
                }
            }
        }
        Some(insns)
    }
}

/// The denormal flag.
const MXCSR_DE: u32 = 2;

/// Mnemonics whose result CPUs may choose: nothing may compute with it, so they end a sequence. The x87
/// transcendentals are exact to 1 ulp on any CPU (SDM vol. 1, 8.3.10), not the same on all.
const ENDS: &[Mnemonic] = &[
    Mnemonic::F2xm1,
    Mnemonic::Fyl2x,
    Mnemonic::Fyl2xp1,
    Mnemonic::Fsin,
    Mnemonic::Fcos,
    Mnemonic::Fsincos,
    Mnemonic::Fptan,
    Mnemonic::Fpatan,
    Mnemonic::Rcpps,
    Mnemonic::Rcpss,
    Mnemonic::Rsqrtps,
    Mnemonic::Rsqrtss,
    Mnemonic::Vrcpps,
    Mnemonic::Vrcpss,
    Mnemonic::Vrsqrtps,
    Mnemonic::Vrsqrtss,
    Mnemonic::Vmaskmovdqu,
    Mnemonic::Maskmovdqu,
    Mnemonic::Maskmovq,
    Mnemonic::Fxsave,
    Mnemonic::Fxsave64,
    Mnemonic::Fnsave,
    Mnemonic::Fnstenv,
    Mnemonic::Xsave,
    Mnemonic::Xsave64,
    Mnemonic::Xsaveopt,
    Mnemonic::Xsaveopt64,
    Mnemonic::Xsavec,
    Mnemonic::Xsavec64,
];

/// Mnemonics that no oracle can be asked about: they read the machine, or leave it.
const EXCLUDED: &[Mnemonic] = &[
    Mnemonic::Cpuid,
    Mnemonic::Rdtsc,
    Mnemonic::Rdtscp,
    Mnemonic::Rdpmc,
    Mnemonic::Rdpid,
    Mnemonic::Rdrand,
    Mnemonic::Rdseed,
    Mnemonic::Syscall,
    Mnemonic::Sysret,
    Mnemonic::Sysretq,
    Mnemonic::Sysexit,
    Mnemonic::Sysexitq,
    Mnemonic::Sysenter,
    // Without UMIP they give what the machine has.
    Mnemonic::Sldt,
    Mnemonic::Str,
    Mnemonic::Smsw,
    Mnemonic::Sgdt,
    Mnemonic::Sidt,
    Mnemonic::Int1,
    Mnemonic::Xgetbv,
];

/// Encodings that are left out: segment register loads depend on the host's descriptor tables.
fn generated(code: Code) -> bool {
    use iced_x86::OpCodeOperandKind as K;
    let info = code.op_code();
    let segment_write = info.op_kinds().first() == Some(&K::seg_reg)
        || matches!(
            code,
            Code::Popw_FS | Code::Popq_FS | Code::Popw_GS | Code::Popq_GS
        );
    let system = info
        .op_kinds()
        .iter()
        .any(|k| matches!(k, K::cr_reg | K::dr_reg | K::tr_reg));
    let name = format!("{code:?}");
    let far = ["m1616", "m1632", "m1664", "ptr16", "Retf", "Iret"]
        .iter()
        .any(|f| name.contains(f));
    // With a 16-bit operand AMD CPUs truncate RIP in near branches and Intel CPUs ignore the prefix
    // (SDM vol. 2, JMP); 0F 0D with a register is #UD on AMD CPUs and a NOP on Intel's.
    let vendors_differ = [
        "Jmp_rm16",
        "Jmp_rm32",
        "Call_rm16",
        "Call_rm32",
        "Retnw",
        "Retnd",
    ]
    .iter()
    .any(|n| name.starts_with(n))
        || name.ends_with("0F0D")
        // With a 16-bit destination Intel CPUs read 16 bits and AMD CPUs 32 (SDM vol. 2, MOVSXD).
        || name == "Movsxd_r16_rm16";
    // So they do in all other near branches with a 16-bit operand.
    let truncates = name.contains("rel16") || name.contains("rel8_16");
    // Undefined (SDM vol. 2, BSWAP); and a form of UD0 that decoders take for another, with operands.
    let never = matches!(code, Code::Bswap_r16 | Code::Ud0);
    !segment_write && !system && !far && !vendors_differ && !truncates && !never
}

/// Whether an encoding is VEX's for vector registers.
pub fn vex_vector(code: Code) -> bool {
    code.encoding() == EncodingKind::VEX
        && row_for(code.mnemonic()).is_none_or(|r| r.family != Family::Bmi)
}

/// A placeholder address for instruction `i`, for the block encoder.
fn label(i: usize) -> u64 {
    0x1_0000_0000 + LABEL * i as u64
}

/// How far labels are apart: an instruction may take the place of several.
const LABEL: u64 = 64;

/// The code, and a function that knows the address of each label.
fn encode(
    insns: &[Instruction],
    start: u64,
) -> Option<(Vec<u8>, impl Fn(u64) -> Option<u64> + use<>)> {
    let block = InstructionBlock::new(insns, start);
    let options = BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS;
    let result = BlockEncoder::encode(64, block, options).ok()?;
    let ips: Vec<u64> = insns.iter().map(Instruction::ip).collect();
    let address = move |label: u64| {
        let n = ips.iter().position(|ip| *ip == label)?;
        let offset = *result.new_instruction_offsets.get(n)?;
        (offset != u32::MAX).then(|| start + u64::from(offset))
    };
    Some((result.code_buffer, address))
}

/// Gives a case its listing.
pub fn list(case: &mut Case) {
    case.listing = listing(&case.code.0, case.before.rip.0);
}

/// The code as text.
fn listing(code: &[u8], start: u64) -> Vec<String> {
    let mut formatter = IntelFormatter::new();
    let decoder = iced_x86::Decoder::with_ip(64, code, start, 0);
    decoder
        .into_iter()
        .map(|insn| {
            let mut text = String::new();
            formatter.format(&insn, &mut text);
            format!("{:#x} {text}", insn.ip())
        })
        .collect()
}

/// A number that is likely to be at an edge of some width.
pub fn edgy(rng: &mut Random) -> u64 {
    let edges = [
        0,
        1,
        2,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        i64::MAX as u64,
        1 << 63,
        u64::MAX,
        0x5555_5555_5555_5555,
    ];
    match rng.random_range(0..6) {
        0 | 1 => edges[rng.random_range(0..edges.len())],
        2 => edges[rng.random_range(0..edges.len())]
            .wrapping_add(rng.random_range(0..3))
            .wrapping_sub(1),
        3 => rng.random_range(0..64),
        4 => u64::from(rng.random::<u32>()),
        _ => rng.random(),
    }
}

/// A floating-point number that is likely to be special, as the bits of lanes of either width.
pub fn edgy_float(rng: &mut Random) -> u64 {
    let singles = [
        0x0000_0000,
        0x8000_0000,
        0x3f80_0000,
        0xbf80_0000,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0xffc1_2345,
        0x7f80_0001,
        0x0000_0001,
        0x807f_ffff,
        0x0080_0000,
        0x7f7f_ffff,
        0x4f00_0000,
        0xcf00_0000,
        0x4eff_ffff,
        0x3fc0_0000,
        0x4020_0000,
        0x3f7f_ffff,
        0x5f00_0000,
    ];
    let doubles = [
        0,
        1 << 63,
        0x3ff0_0000_0000_0000,
        0x7ff0_0000_0000_0000,
        0xfff0_0000_0000_0000,
        0x7ff8_0000_0000_0000,
        0xfff8_0000_1234_5678,
        0x7ff0_0000_0000_0001,
        1,
        0x800f_ffff_ffff_ffff,
        0x0010_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0x41e0_0000_0000_0000,
        0xc1e0_0000_0000_0000,
        0x41df_ffff_ffc0_0000,
        0x43e0_0000_0000_0000,
        0x3ff8_0000_0000_0000,
        0x4004_0000_0000_0000,
        0x380f_ffff_ffff_ffff,
        0x47ef_ffff_f000_0000,
    ];
    match rng.random_range(0..4) {
        0 => doubles[rng.random_range(0..doubles.len())],
        1 | 2 => {
            let mut single = || -> u64 {
                if rng.random_bool(0.7) {
                    singles[rng.random_range(0..singles.len())]
                } else {
                    rng.random::<u32>().into()
                }
            };
            single() | single() << 32
        }
        _ => {
            // Two doubles of nearby exponents, so that sums are not just the larger one.
            let exponent = 0x3ff + rng.random_range(0..8);
            rng.random::<u64>() & 0x800f_ffff_ffff_ffff | exponent << 52
        }
    }
}

impl Registry {
    /// The halves of the vector registers that begin at this word of them.
    fn vectors(&self, rng: &mut Random, word: usize) -> [[Hex64; 2]; 16] {
        std::array::from_fn(|i| match self.indices(i) {
            Some(words) => [words[word], words[word + 1]].map(Hex64),
            None if rng.random_bool(0.6) => [(); 2].map(|()| Hex64(edgy_float(rng))),
            None => [(); 2].map(|()| Hex64(edgy(rng))),
        })
    }

    fn registers(&self, rng: &mut Random, rip: u64) -> Registers {
        let flags =
            rng.random::<u64>() & (Rflags::STATUS | (Rflags::DF * u64::from(rng.random_bool(0.3))));
        let rounding = if rng.random_bool(0.6) {
            0
        } else {
            rng.random_range(0..4)
        };
        let special = if rng.random_bool(0.85) {
            0
        } else {
            rng.random::<u32>() & 0x8040
        };
        let unmasked = if rng.random_bool(0.95) {
            0x1f80
        } else {
            rng.random::<u32>() & 0x1f80
        };
        Registers {
            gpr: self.values(),
            rip: Hex64(rip),
            rflags: Hex64(flags | Rflags::FIXED | Rflags::IF),
            xmm: self.vectors(rng, 0),
            ymm_upper: self.vectors(rng, 2),
            mxcsr: unmasked
                | rounding << 13
                | special
                | if rng.random_bool(0.5) { 0 } else { 0x20 },
            fs_gs: [Hex64(GUEST_FS), Hex64(DATA + DATA_LEN as u64 / 2)],
        }
    }
}
