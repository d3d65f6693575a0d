//! What cases have exercised: encodings with their operands, flag outcomes, operations of the IR.
//!
//! An *item* is an encoding with its operand that may be either taken as a register or as memory. Items
//! come from the instruction table and the encodings' descriptions, never from what was generated, so
//! what is missing is known. A *form* is what items of different families have in common: kinds of the
//! operands, and their width.
//!
//! Knows nothing of campaigns. Counted is what was reached: instructions up to where a case stopped.
//! Those a forward jump left out are counted too.

use crate::compare::instructions;
use felix::ir::Op;
use felix::lift::{self, Family, Limits, ROWS};
use felix::replay::{After, CODE_LEN, Case, CaseCode, END};
use felix::x86::{GuestAddr, Rflags};
use iced_x86::{Code, FlowControl, Instruction, Mnemonic, OpCodeOperandKind as K, OpKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// An encoding, and whether the operand that may be memory is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Item {
    /// The encoding.
    pub code: Code,
    /// Memory.
    pub memory: bool,
}

impl Item {
    /// The item an instruction is of.
    #[must_use]
    pub fn of(insn: &Instruction) -> Item {
        Item {
            code: insn.code(),
            memory: either(insn.code()).is_some_and(|n| insn.op_kind(n) == OpKind::Memory),
        }
    }

    /// Its operands.
    #[must_use]
    pub fn form(self) -> Form {
        let info = self.code.op_code();
        let kinds = info.op_kinds().iter().map(|k| letter(*k, self.memory));
        let kinds: Vec<&str> = kinds.take(2).collect();
        Form {
            width: match width(self) {
                w @ (0 | 8 | 16 | 32 | 64 | 80 | 128 | 256) => w,
                _ => IMAGE,
            },
            kinds: kinds.join(","),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match (either(self.code), self.memory) {
            (None, _) => "",
            (_, false) => "/r",
            (_, true) => "/m",
        };
        write!(f, "{:?}{form}", self.code)
    }
}

/// `Form::width` of whole images of a unit's state, as FXSAVE and FNSTENV write them.
pub const IMAGE: usize = 1024;

/// Kinds of operands and their width, in the order of a table's columns.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Form {
    /// `r` general register, `x` XMM, `y` YMM, `mm` MMX, `st` x87, `s` segment, `m` memory, `i` immediate, `rel`
    /// branch target; joined by commas, empty for no operands. Of a third operand, mostly an immediate
    /// or CL, nothing is said: forms are for an overview.
    pub kinds: String,
    /// Bits of the memory operand, or else of the first register; 0 if there is neither, or `IMAGE`.
    pub width: usize,
}

/// Which operand may be register or memory.
fn either(code: Code) -> Option<u32> {
    let info = code.op_code();
    let both = |k| {
        matches!(
            k,
            K::r8_or_mem
                | K::r16_or_mem
                | K::r32_or_mem
                | K::r64_or_mem
                | K::xmm_or_mem
                | K::ymm_or_mem
                | K::mm_or_mem
        )
    };
    (0..info.op_count()).find(|n| both(info.op_kind(*n)))
}

fn letter(kind: K, memory: bool) -> &'static str {
    match kind {
        K::r8_or_mem | K::r16_or_mem | K::r32_or_mem | K::r64_or_mem if !memory => "r",
        K::xmm_or_mem if !memory => "x",
        K::ymm_or_mem if !memory => "y",
        K::mm_or_mem if !memory => "mm",
        K::r8_or_mem
        | K::r16_or_mem
        | K::r32_or_mem
        | K::r64_or_mem
        | K::xmm_or_mem
        | K::ymm_or_mem
        | K::mm_or_mem
        | K::mem
        | K::mem_vsib32x
        | K::mem_vsib64x
        | K::mem_vsib32y
        | K::mem_vsib64y
        | K::mem_offs
        | K::mem_mib
        | K::seg_rSI
        | K::es_rDI
        | K::seg_rDI
        | K::seg_rBX_al => "m",
        K::xmm_reg | K::xmm_rm | K::xmm_vvvv | K::xmm_is4 => "x",
        K::ymm_reg | K::ymm_rm | K::ymm_vvvv | K::ymm_is4 => "y",
        K::mm_reg | K::mm_rm => "mm",
        K::st0 | K::sti_opcode => "st",
        K::seg_reg | K::es | K::cs | K::ss | K::ds | K::fs | K::gs => "s",
        K::br64_1 | K::br64_4 | K::br32_1 | K::br32_4 | K::br16_1 | K::br16_2 => "rel",
        K::imm8
        | K::imm8_const_1
        | K::imm8sex16
        | K::imm8sex32
        | K::imm8sex64
        | K::imm16
        | K::imm32
        | K::imm32sex64
        | K::imm64 => "i",
        _ => "r",
    }
}

fn width(item: Item) -> usize {
    let info = item.code.op_code();
    let register = |k: K| match k {
        K::r8_or_mem | K::r8_reg | K::r8_opcode | K::al | K::cl => 8,
        K::r16_or_mem | K::r16_reg | K::r16_rm | K::r16_opcode | K::r16_reg_mem => 16,
        K::ax | K::dx => 16,
        K::r32_or_mem | K::r32_reg | K::r32_rm | K::r32_opcode | K::r32_reg_mem | K::eax => 32,
        K::r64_or_mem | K::r64_reg | K::r64_rm | K::r64_opcode | K::r64_reg_mem | K::rax => 64,
        K::r32_vvvv => 32,
        K::r64_vvvv | K::mm_or_mem | K::mm_reg | K::mm_rm => 64,
        K::xmm_or_mem | K::xmm_reg | K::xmm_rm | K::xmm_vvvv => 128,
        K::ymm_or_mem | K::ymm_reg | K::ymm_rm | K::ymm_vvvv => 256,
        K::st0 | K::sti_opcode => 80,
        K::seg_reg => 16,
        _ => 0,
    };
    let in_memory = info
        .op_kinds()
        .iter()
        .any(|k| letter(*k, item.memory) == "m");
    let memory = info.memory_size().size() * 8;
    if in_memory && memory > 0 {
        return memory;
    }
    let widths = info.op_kinds().iter().map(|k| register(*k));
    widths.into_iter().find(|w| *w > 0).unwrap_or(0)
}

/// The status flags, in the order of `Counts::flags`.
pub const FLAGS: [(&str, u64); 6] = [
    ("CF", Rflags::CF),
    ("PF", Rflags::PF),
    ("AF", Rflags::AF),
    ("ZF", Rflags::ZF),
    ("SF", Rflags::SF),
    ("OF", Rflags::OF),
];

/// Everything that can be exercised.
pub struct Universe {
    /// The items, in the order of the table.
    pub items: Vec<Item>,
    places: HashMap<Item, usize>,
    rows: HashMap<Mnemonic, (usize, Family)>,
}

impl Universe {
    /// The items of these encodings.
    pub fn new(codes: impl Iterator<Item = Code>) -> Universe {
        let items: Vec<Item> = codes
            .flat_map(|code| {
                let forms: &[bool] = match either(code) {
                    Some(_) => &[false, true],
                    None => &[false],
                };
                forms.iter().map(move |m| Item { code, memory: *m })
            })
            .collect();
        let places = items.iter().enumerate().map(|(i, x)| (*x, i)).collect();
        let rows = ROWS.iter().enumerate();
        Universe {
            items,
            places,
            rows: rows.map(|(i, r)| (r.mnemonic, (i, r.family))).collect(),
        }
    }

    /// The family of an item.
    #[must_use]
    pub fn family(&self, item: Item) -> Option<Family> {
        self.rows.get(&item.code.mnemonic()).map(|(_, f)| *f)
    }

    /// The families that have items, in the order of the table.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut all: Vec<Family> = Vec::new();
        for family in self.items.iter().filter_map(|i| self.family(*i)) {
            if !all.contains(&family) {
                all.push(family);
            }
        }
        all
    }

    /// The forms that items have.
    #[must_use]
    pub fn forms(&self) -> BTreeSet<Form> {
        self.items.iter().map(|i| i.form()).collect()
    }

    /// The places of a case's items, one behind the other.
    #[must_use]
    pub fn recipe(&self, case: &Case) -> Vec<u32> {
        let places = instructions(case).filter_map(|i| self.places.get(&Item::of(&i)));
        places.filter_map(|p| u32::try_from(*p).ok()).collect()
    }

    /// A number that changes when the table does.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(self.items.iter().map(|i| format!("{i} ")))
    }
}

/// A number, as text, that other texts have not (FNV-1a).
pub fn fingerprint(texts: impl Iterator<Item = String>) -> String {
    let hash = texts.fold(0xcbf2_9ce4_8422_2325_u64, |h, text| {
        text.bytes()
            .fold(h, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    });
    format!("{hash:016x}")
}

/// How often each thing was exercised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts {
    /// By place in `Universe::items`.
    pub items: Vec<u64>,
    /// By place in `ROWS`, for each of `FLAGS`: how often the row left it clear, and set.
    pub flags: Vec<[[u64; 2]; 6]>,
    /// By place in `Op::ALL`.
    pub ops: Vec<u64>,
}

impl Counts {
    /// Nothing yet.
    #[must_use]
    pub fn new(universe: &Universe) -> Counts {
        Counts {
            items: vec![0; universe.items.len()],
            flags: vec![[[0; 2]; 6]; ROWS.len()],
            ops: vec![0; Op::ALL.len()],
        }
    }

    /// Counts a case, by where it stopped.
    pub fn add(&mut self, universe: &Universe, case: &Case, after: &After) {
        let stop = after.registers.rip.0;
        let ended = after.stop.vector == END;
        let mut last: Option<Instruction> = None;
        let mut straight = true;
        // At the end RIP is behind the INT3; at a fault it is at the instruction, which is counted.
        let reached = |i: &Instruction| i.ip() < stop || !ended && i.ip() == stop;
        for insn in instructions(case).take_while(reached) {
            if let Some(place) = universe.places.get(&Item::of(&insn)) {
                self.items[*place] += 1;
            }
            if insn.mnemonic() != Mnemonic::Int3 {
                straight &= insn.flow_control() == FlowControl::Next;
                last = Some(insn);
            }
        }
        // Flags are those of the last instruction only if that was the last to run.
        if let Some(insn) = last.filter(|_| straight && ended) {
            self.add_flags(universe, &insn, after.registers.rflags.0, case);
        }
    }

    /// Counts the instructions of a case, whether they run or not.
    pub fn add_generated(&mut self, universe: &Universe, case: &Case) {
        for insn in instructions(case) {
            if let Some(place) = universe.places.get(&Item::of(&insn)) {
                self.items[*place] += 1;
            }
        }
    }

    fn add_flags(&mut self, universe: &Universe, insn: &Instruction, rflags: u64, case: &Case) {
        let Some((row, _)) = universe.rows.get(&insn.mnemonic()) else {
            return;
        };
        for (n, (_, bit)) in FLAGS.iter().enumerate() {
            let defined = case.undefined_flags.0 & bit == 0;
            if defined && writes(insn) & bit != 0 {
                self.flags[*row][n][usize::from(rflags & bit != 0)] += 1;
            }
        }
    }

    /// Counts the IR operations a case is lifted to.
    pub fn add_ir(&mut self, case: &Case) {
        let limits = Limits {
            span: CODE_LEN as u64,
            ..Limits::default()
        };
        let rip = GuestAddr(case.before.rip.0);
        if let Ok(region) = lift::translate(&CaseCode::of(case), rip, limits) {
            for inst in region.blocks.iter().flat_map(|b| &b.insts) {
                self.ops[inst.op as usize] += 1;
            }
        }
    }

    /// Adds what others counted.
    pub fn merge(&mut self, other: &Counts) {
        let add = |a: &mut [u64], b: &[u64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.items, &other.items);
        add(&mut self.ops, &other.ops);
        for (a, b) in self.flags.iter_mut().zip(&other.flags) {
            a.iter_mut().zip(b).for_each(|(a, b)| add(a, b));
        }
    }
}

/// The status flags an instruction leaves defined and may change.
#[must_use]
pub fn writes(insn: &Instruction) -> u64 {
    use iced_x86::RflagsBits as B;
    let bits = [B::CF, B::PF, B::AF, B::ZF, B::SF, B::OF];
    let modified = insn.rflags_modified() & !insn.rflags_undefined();
    let pairs = bits.iter().zip(FLAGS);
    pairs
        .filter(|(b, _)| modified & **b != 0)
        .map(|(_, (_, f))| f)
        .sum()
}

/// Counts by name, as they are stored: what is zero is left out.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Named {
    items: BTreeMap<String, u64>,
    flags: BTreeMap<String, [[u64; 2]; 6]>,
    ops: BTreeMap<String, u64>,
}

impl Named {
    /// From counts.
    #[must_use]
    pub fn of(universe: &Universe, counts: &Counts) -> Named {
        let some = |(name, n): (String, &u64)| (*n > 0).then_some((name, *n));
        let items = universe.items.iter().map(ToString::to_string);
        let ops = Op::ALL.iter().map(|o| o.name().to_owned());
        let rows = ROWS.iter().map(|r| format!("{:?}", r.mnemonic));
        Named {
            items: items.zip(&counts.items).filter_map(some).collect(),
            ops: ops.zip(&counts.ops).filter_map(some).collect(),
            flags: rows
                .zip(&counts.flags)
                .filter(|(_, f)| f.as_flattened().iter().any(|n| *n > 0))
                .map(|(name, f)| (name, *f))
                .collect(),
        }
    }

    /// The counts; names that are no longer there are left out.
    #[must_use]
    pub fn counts(&self, universe: &Universe) -> Counts {
        let get = |map: &BTreeMap<String, u64>, name: &str| map.get(name).copied().unwrap_or(0);
        let items = universe
            .items
            .iter()
            .map(|i| get(&self.items, &i.to_string()));
        let row = |name: String| self.flags.get(&name).copied().unwrap_or_default();
        Counts {
            items: items.collect(),
            ops: Op::ALL.iter().map(|o| get(&self.ops, o.name())).collect(),
            flags: ROWS
                .iter()
                .map(|r| row(format!("{:?}", r.mnemonic)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;

    #[test]
    fn every_generated_instruction_is_an_item() {
        let generator = Generator::new(&[], 32, false);
        let universe = Universe::new(generator.codes());
        for index in 0..2000 {
            let case = generator.case(5, index);
            for insn in instructions(&case) {
                // What decodes as nothing was meant to: it is there to fault.
                let item = Item::of(&insn);
                let known = universe.places.contains_key(&item);
                let other = insn.is_invalid() || universe.family(item).is_some();
                assert!(known || other, "{item}");
            }
        }
    }

    #[test]
    fn a_form_is_kinds_and_width() {
        let form = |code, memory| {
            let f = Item { code, memory }.form();
            format!("{} {}", f.kinds, f.width)
        };
        assert_eq!(form(Code::Add_rm32_imm8, true), "m,i 32");
        assert_eq!(form(Code::Add_rm32_imm8, false), "r,i 32");
        assert_eq!(form(Code::Addsd_xmm_xmmm64, true), "x,m 64");
        assert_eq!(form(Code::Addsd_xmm_xmmm64, false), "x,x 128");
        assert_eq!(form(Code::Jb_rel8_64, false), "rel 0");
        assert_eq!(form(Code::Clc, false), " 0");
        assert_eq!(form(Code::Shld_rm64_r64_CL, true), "m,r 64");
        assert_eq!(form(Code::Fxsave_m512byte, false), "m 1024");
    }

    #[test]
    fn names_keep_all_counts() {
        let generator = Generator::new(&[], 4, false);
        let universe = Universe::new(generator.codes());
        let mut counts = Counts::new(&universe);
        counts.items[3] = 7;
        counts.flags[2][1][0] = 9;
        counts.ops[5] = 11;
        let named = Named::of(&universe, &counts);
        assert_eq!(named.counts(&universe), counts);
        let mut twice = counts.clone();
        twice.merge(&counts);
        assert_eq!(twice.items[3], 14);
    }

    #[test]
    fn flags_are_counted_for_the_last_instruction_only() {
        let generator = Generator::new(&[], 4, false);
        let universe = Universe::new(generator.codes());
        let mut case = generator.case(1, 1);
        // add eax, eax; xor eax, eax; int3
        case.code.0 = vec![0x01, 0xc0, 0x31, 0xc0, 0xcc];
        case.undefined_flags.0 = 0;
        let mut after = After {
            stop: felix::replay::Stop {
                vector: END,
                addr: None,
                write: false,
            },
            registers: case.before.clone(),
            memory: Vec::new(),
        };
        after.registers.rip.0 += 5;
        after.registers.rflags.0 = Rflags::ZF;
        let mut counts = Counts::new(&universe);
        counts.add(&universe, &case, &after);
        let row = |m: Mnemonic| counts.flags[universe.rows[&m].0];
        assert_eq!(row(Mnemonic::Xor)[3], [0, 1]);
        assert_eq!(row(Mnemonic::Xor)[0], [1, 0]);
        assert_eq!(row(Mnemonic::Add), [[0; 2]; 6]);
    }
}
