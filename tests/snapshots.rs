//! What instructions become, as text: for every row of the instruction table one typical instruction,
//! its optimised IR, and the RV64 code for a plain and a rich host, with the number of words. One
//! snapshot a family, and the totals, so that every change in code quality shows in a diff.
//!
//! After a wanted change: `INSTA_UPDATE=always cargo test --test snapshots`, and read the diff.

use felix::lift::{Family, Fetch, Limits, ROWS, Row, supported, translate};
use felix::lower::FpMode;
use felix::rv64::HostIsa;
use felix::x86::{GuestAddr, MemFault, MemFaultKind};
use iced_x86::{
    Code, Encoder, Formatter, Instruction, IntelFormatter, OpCodeOperandKind as K, OpKind, Register,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the instruction lies.
const AT: u64 = 0x40_1000;
/// Where a branch goes.
const TARGET: u64 = AT + 0x40;
/// The hosts.
const HOSTS: [&str; 2] = ["gc", "gc,zba,zbb,zbs,v128"];

/// The instruction, and HLT (which is a fault) behind it: all registers and flags are live at its end.
struct Memory(Vec<u8>);

impl Fetch for Memory {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let Some(offset) = addr.0.checked_sub(AT).filter(|o| *o < 0x100) else {
            return Err(MemFault {
                addr,
                write: false,
                fetch: true,
                kind: MemFaultKind::NotMapped,
            });
        };
        let from = usize::try_from(offset).expect("less than 0x100");
        for (i, b) in buf.iter_mut().enumerate() {
            *b = self.0.get(from + i).copied().unwrap_or(0xf4);
        }
        Ok(buf.len())
    }
}

/// The encoding of a row that is shown: 64-bit registers if there are such, then 32-bit ones.
fn typical(row: &Row) -> Option<Instruction> {
    let mut codes: Vec<Code> = Code::values()
        .filter(|c| c.mnemonic() == row.mnemonic && supported(*c))
        .collect();
    let rank = |c: &Code| {
        let kinds = c.op_code().op_kinds();
        let has = |list: &[K]| kinds.iter().any(|k| list.contains(k));
        if has(&[K::r64_reg, K::r64_or_mem, K::r64_opcode]) {
            0
        } else if has(&[K::r32_reg, K::r32_or_mem, K::r32_opcode]) {
            1
        } else {
            2
        }
    };
    codes.sort_by_key(rank);
    codes.into_iter().find_map(instruction)
}

fn instruction(code: Code) -> Option<Instruction> {
    let info = code.op_code();
    let mut insn = Instruction::default();
    insn.set_code(code);
    for n in 0..info.op_count() {
        operand(&mut insn, n, info.op_kind(n))?;
    }
    // What does not encode is not shown.
    Encoder::new(64).encode(&insn, AT).ok()?;
    Some(insn)
}

fn operand(insn: &mut Instruction, n: u32, kind: K) -> Option<()> {
    let gpr = |names: [Register; 3]| names.get(n as usize).copied();
    let register = match kind {
        K::r8_or_mem | K::r8_reg | K::r8_opcode => gpr([Register::CL, Register::DL, Register::BL]),
        K::r16_or_mem | K::r16_reg | K::r16_opcode => {
            gpr([Register::CX, Register::DX, Register::BX])
        }
        K::r32_or_mem | K::r32_reg | K::r32_opcode => {
            gpr([Register::ECX, Register::EDX, Register::EBX])
        }
        K::r64_or_mem | K::r64_reg | K::r64_opcode => {
            gpr([Register::RCX, Register::RDX, Register::RBX])
        }
        K::xmm_or_mem | K::xmm_reg | K::xmm_rm => {
            gpr([Register::XMM1, Register::XMM2, Register::XMM3])
        }
        K::mm_or_mem | K::mm_reg | K::mm_rm => gpr([Register::MM1, Register::MM2, Register::MM3]),
        K::st0 => Some(Register::ST0),
        K::sti_opcode => Some(Register::ST1),
        K::al => Some(Register::AL),
        K::cl => Some(Register::CL),
        K::ax => Some(Register::AX),
        K::dx => Some(Register::DX),
        K::eax => Some(Register::EAX),
        K::rax => Some(Register::RAX),
        K::fs => Some(Register::FS),
        K::gs => Some(Register::GS),
        K::seg_reg => Some(Register::DS),
        _ => None,
    };
    if let Some(r) = register {
        insn.set_op_kind(n, OpKind::Register);
        insn.set_op_register(n, r);
        return Some(());
    }
    match kind {
        K::imm8_const_1 => set_immediate(insn, n, OpKind::Immediate8, 1),
        K::imm8 => set_immediate(insn, n, OpKind::Immediate8, 5),
        K::imm8sex16 => set_immediate(insn, n, OpKind::Immediate8to16, 5),
        K::imm8sex32 => set_immediate(insn, n, OpKind::Immediate8to32, 5),
        K::imm8sex64 => set_immediate(insn, n, OpKind::Immediate8to64, 5),
        K::imm16 => set_immediate(insn, n, OpKind::Immediate16, 5),
        K::imm32 => set_immediate(insn, n, OpKind::Immediate32, 5),
        K::imm32sex64 => set_immediate(insn, n, OpKind::Immediate32to64, 5),
        K::imm64 => set_immediate(insn, n, OpKind::Immediate64, 5),
        K::br64_1 | K::br64_4 => {
            insn.set_op_kind(n, OpKind::NearBranch64);
            insn.set_near_branch64(TARGET);
        }
        K::mem | K::mem_offs => {
            insn.set_op_kind(n, OpKind::Memory);
            if kind == K::mem {
                insn.set_memory_base(Register::RDI);
                insn.set_memory_displacement64(0x10);
                insn.set_memory_displ_size(1);
            } else {
                insn.set_memory_displacement64(0x5000_0000);
                insn.set_memory_displ_size(8);
            }
        }
        K::seg_rSI => insn.set_op_kind(n, OpKind::MemorySegRSI),
        K::es_rDI => insn.set_op_kind(n, OpKind::MemoryESRDI),
        K::seg_rDI => insn.set_op_kind(n, OpKind::MemorySegRDI),
        K::seg_rBX_al => {
            insn.set_op_kind(n, OpKind::Memory);
            insn.set_memory_base(Register::RBX);
            insn.set_memory_index(Register::AL);
        }
        _ => return None,
    }
    Some(())
}

fn set_immediate(insn: &mut Instruction, n: u32, kind: OpKind, value: i64) {
    insn.set_op_kind(n, kind);
    insn.set_immediate_i64(n, value);
}

/// A listing with the zero words of records cut to their number.
fn shorten(listing: &str) -> String {
    let mut out = String::new();
    let mut zeros = 0;
    for line in listing.lines().chain([""]) {
        if line.ends_with(".word 0x00000000") {
            zeros += 1;
            continue;
        }
        if zeros > 0 {
            let _ = writeln!(out, "      {zeros} zero words");
            zeros = 0;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A row's section, and its words on each host.
fn section(row: &Row) -> (String, [usize; HOSTS.len()]) {
    let mut words = [0; HOSTS.len()];
    let Some(mut insn) = typical(row) else {
        return (
            format!("== {:?}: no form with simple operands\n\n", row.mnemonic),
            words,
        );
    };
    let mut encoder = Encoder::new(64);
    encoder.encode(&insn, AT).expect("it encoded before");
    let bytes = encoder.take_buffer();
    insn.set_ip(AT);
    let mut text = String::new();
    IntelFormatter::new().format(&insn, &mut text);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let limits = Limits {
        insns: 2,
        ..Limits::default()
    };
    let mut region = translate(&Memory(bytes), GuestAddr(AT), limits).expect("it can be fetched");
    felix::opt::optimize(&mut region);
    let mut out = format!("== {text}    {hex}\n{region}\n");
    let mut listings = Vec::new();
    for (host, n) in HOSTS.iter().zip(&mut words) {
        let isa: HostIsa = host.parse().expect("a host");
        let t =
            felix::lower::lower(&region, isa, FpMode::Usual).expect("one instruction always fits");
        *n = t.words();
        listings.push(shorten(&felix::rv64::listing(&t.code)));
    }
    if listings[0] == listings[1] {
        let _ = writeln!(out, "-- any host: {} words\n{}", words[0], listings[0]);
    } else {
        for ((host, n), l) in HOSTS.iter().zip(words).zip(listings) {
            let _ = writeln!(out, "-- {host}: {n} words\n{l}");
        }
    }
    (out, words)
}

/// All families: name, text, and how many rows and words.
fn families() -> BTreeMap<&'static str, (String, usize, [usize; HOSTS.len()])> {
    let mut all = BTreeMap::new();
    let mut rows: Vec<&Row> = ROWS.iter().collect();
    rows.sort_by_key(|r| (r.family, format!("{:?}", r.mnemonic)));
    for row in rows {
        let family: Family = row.family;
        let (text, count, words) = all
            .entry(family.name())
            .or_insert_with(|| (String::new(), 0, [0; HOSTS.len()]));
        let (section, n) = section(row);
        text.push_str(&section);
        *count += 1;
        for (w, n) in words.iter_mut().zip(n) {
            *w += n;
        }
    }
    all
}

#[test]
fn instructions() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let families = families();
        let mut totals = format!("{:10} {:>5}", "family", "rows");
        for h in HOSTS {
            let _ = write!(totals, " {h:>20}");
        }
        totals.push('\n');
        for (name, (_, rows, words)) in &families {
            let _ = write!(totals, "{name:10} {rows:>5}");
            for w in words {
                let _ = write!(totals, " {w:>20}");
            }
            totals.push('\n');
        }
        insta::assert_snapshot!("totals", totals);
        for (name, (text, ..)) in families {
            insta::assert_snapshot!(name, text);
        }
    });
}
