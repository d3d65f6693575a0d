//! What code becomes, as text, with the number of words on each host, so that every change in code quality
//! shows in a diff:
//! - for every row of the instruction table one typical instruction, its optimised IR and its RV64 code;
//!   one snapshot a family, and `totals`;
//! - what becomes shorter by extensions that few hosts have: `extensions`;
//! - for the hottest code of real programs (`corpus/hot`, cut from `felix run --profile`) its blocks;
//!   one snapshot a program, and `hot`: host instructions for each guest instruction executed.
//!
//! After a wanted change: `INSTA_UPDATE=always cargo test --test snapshots`, and read the diff.

use felix::ir::{Inst, Op, Region};
use felix::lift::{Family, Fetch, Limits, ROWS, Row, supported, translate};
use felix::lower::{Counter, FpMode};
use felix::rv64::HostIsa;
use felix::x86::{GuestAddr, MemFault, MemFaultKind};
use iced_x86::{
    Code, Decoder, Encoder, Formatter, Instruction, IntelFormatter, OpCodeOperandKind as K, OpKind,
    Register,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the instruction lies.
const AT: u64 = 0x40_1000;
/// Where a branch goes.
const TARGET: u64 = AT + 0x40;
/// The hosts: what each is called, and what it has.
const HOSTS: [(&str, &str); 5] = [
    ("gc", "gc,ztso"),
    ("zb", "gc,zba,zbb,zbs,zbc,ztso"),
    ("zicond", "gc,zba,zbb,zbs,zbc,zicond,ztso"),
    ("v128", "gc,zba,zbb,zbs,zbc,zicond,ztso,v128"),
    ("v256", "gc,zba,zbb,zbs,zbc,zicond,ztso,v256"),
];

/// Extensions that few hosts have, and without which `v256` and `zicond` do.
const RARE: &str = "zacas,zabha,zfa,zfhmin,zvbb,zvbc,zvkned,zvknha,zvfhmin";
/// LOCK, of every width: no row's typical form has it.
const LOCKED: [&[u8]; 10] = [
    &[0xf0, 0x0f, 0xc0, 0x0f],
    &[0x66, 0xf0, 0x0f, 0xc1, 0x0f],
    &[0xf0, 0x0f, 0xc1, 0x0f],
    &[0xf0, 0x48, 0x0f, 0xc1, 0x0f],
    &[0xf0, 0x0f, 0xb0, 0x0f],
    &[0x66, 0xf0, 0x0f, 0xb1, 0x0f],
    &[0xf0, 0x0f, 0xb1, 0x0f],
    &[0xf0, 0x48, 0x0f, 0xb1, 0x0f],
    &[0xf0, 0x83, 0x2f, 0x01],
    &[0xf0, 0x48, 0x81, 0x0f, 0x00, 0x04, 0x00, 0x00],
];

fn isa(host: &str) -> HostIsa {
    host.parse().expect("a host")
}

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

/// The encoding of a row that is shown: YMM or 64-bit registers if there are such, then 32-bit ones.
fn typical(row: &Row) -> Option<Instruction> {
    let mut codes: Vec<Code> = Code::values()
        .filter(|c| c.mnemonic() == row.mnemonic && supported(*c))
        .collect();
    let rank = |c: &Code| {
        let kinds = c.op_code().op_kinds();
        let has = |list: &[K]| kinds.iter().any(|k| list.contains(k));
        if has(&[K::r64_reg, K::r64_or_mem, K::r64_opcode, K::ymm_reg]) {
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
        K::r32_or_mem | K::r32_reg | K::r32_opcode | K::r32_vvvv => {
            gpr([Register::ECX, Register::EDX, Register::EBX])
        }
        K::r64_or_mem | K::r64_reg | K::r64_opcode | K::r64_vvvv => {
            gpr([Register::RCX, Register::RDX, Register::RBX])
        }
        K::xmm_or_mem | K::xmm_reg | K::xmm_rm | K::xmm_vvvv => {
            gpr([Register::XMM1, Register::XMM2, Register::XMM3])
        }
        K::ymm_or_mem | K::ymm_reg | K::ymm_rm | K::ymm_vvvv => {
            gpr([Register::YMM1, Register::YMM2, Register::YMM3])
        }
        K::xmm_is4 => Some(Register::XMM4),
        K::ymm_is4 => Some(Register::YMM4),
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
        K::mem_vsib32x | K::mem_vsib64x | K::mem_vsib32y | K::mem_vsib64y => {
            insn.set_op_kind(n, OpKind::Memory);
            insn.set_memory_base(Register::RDI);
            insn.set_memory_index(if matches!(kind, K::mem_vsib32x | K::mem_vsib64x) {
                Register::XMM5
            } else {
                Register::YMM5
            });
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
    let mut listings: Vec<(Vec<&str>, String)> = Vec::new();
    for ((name, host), n) in HOSTS.iter().zip(&mut words) {
        let t = felix::lower::lower(&region, isa(host), FpMode::Usual)
            .expect("one instruction always fits");
        *n = t.words();
        let listing = shorten(&felix::rv64::listing(&t.code));
        match listings.iter_mut().find(|(_, l)| *l == listing) {
            Some((names, _)) => names.push(name),
            None => listings.push((vec![name], listing)),
        }
    }
    let mut out = format!("== {text}    {hex}\n{}\n{region}\n", columns(words));
    for (names, listing) in listings {
        let _ = writeln!(out, "-- {}\n{listing}", names.join(", "));
    }
    (out, words)
}

/// Figures with the hosts' names.
fn columns(values: [usize; HOSTS.len()]) -> String {
    let named = HOSTS.iter().zip(values);
    let all: Vec<String> = named.map(|((name, _), n)| format!("{name} {n}")).collect();
    all.join("  ")
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

/// The code of the instruction `bytes` are, on `host`: words and listing.
fn code_of(bytes: &[u8], host: &str) -> (usize, String) {
    let limits = Limits {
        insns: 2,
        ..Limits::default()
    };
    let memory = Memory(bytes.to_vec());
    let mut region = translate(&memory, GuestAddr(AT), limits).expect("it can be fetched");
    felix::opt::optimize(&mut region);
    let t = felix::lower::lower(&region, isa(host), FpMode::Usual)
        .expect("one instruction always fits");
    (t.words(), shorten(&felix::rv64::listing(&t.code)))
}

#[test]
fn extensions() {
    let mut rows: Vec<&Row> = ROWS.iter().collect();
    rows.sort_by_key(|r| (r.family, format!("{:?}", r.mnemonic)));
    let encoded = rows.into_iter().filter_map(typical).map(|insn| {
        let mut encoder = Encoder::new(64);
        encoder.encode(&insn, AT).expect("it encoded before");
        encoder.take_buffer()
    });
    let locked = LOCKED.iter().map(|bytes| bytes.to_vec());
    let mut out = String::new();
    for bytes in encoded.chain(locked) {
        let insn = Decoder::with_ip(64, &bytes, AT, 0).decode();
        let mut name = String::new();
        IntelFormatter::new().format(&insn, &mut name);
        for host in ["zicond", "v256"] {
            let host = HOSTS.iter().find(|h| h.0 == host).expect("it is there");
            let (before, without) = code_of(&bytes, host.1);
            let (after, with) = code_of(&bytes, &format!("{},{RARE}", host.1));
            if with != without {
                let _ = writeln!(out, "== {name}    {}: {before}, {after}\n{with}", host.0);
            }
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("extensions", out));
}

#[test]
fn instructions() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let families = families();
        let mut totals = format!("{:10} {:>5}", "family", "rows");
        for (name, _) in HOSTS {
            let _ = write!(totals, " {name:>7}");
        }
        totals.push('\n');
        let mut all = (0, [0; HOSTS.len()]);
        let mut line = |name: &str, rows: usize, words: &[usize]| {
            let _ = write!(totals, "{name:10} {rows:>5}");
            for w in words {
                let _ = write!(totals, " {w:>7}");
            }
            totals.push('\n');
        };
        for (name, (_, rows, words)) in &families {
            line(name, *rows, words);
            all.0 += rows;
            for (sum, w) in all.1.iter_mut().zip(words) {
                *sum += w;
            }
        }
        line("all", all.0, &all.1);
        insta::assert_snapshot!("totals", totals);
        for (name, (text, ..)) in families {
            insta::assert_snapshot!(name, text);
        }
    });
}

/// A region of `corpus/hot`.
#[derive(serde::Deserialize)]
struct Hot {
    name: String,
    entry: String,
    /// The bytes it was translated from: address, hexadecimal.
    source: Vec<(String, String)>,
    /// How often the instructions from this address on were executed, up to the next.
    counts: Vec<(String, u64)>,
}

/// A file of `corpus/hot`.
#[derive(serde::Deserialize)]
struct HotFile {
    how: String,
    packages: Vec<String>,
    regions: Vec<Hot>,
}

fn address(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("an address")
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |p: &[u8]| u8::from_str_radix(std::str::from_utf8(p).expect("ASCII"), 16);
    pairs.map(|p| byte(p).expect("hexadecimal")).collect()
}

/// A region's bytes, and nothing else.
struct Source(Vec<(u64, Vec<u8>)>);

impl Source {
    fn at(&self, addr: u64) -> &[u8] {
        let rest = |(start, bytes): &(u64, Vec<u8>)| {
            let from = usize::try_from(addr.checked_sub(*start)?).ok()?;
            (from < bytes.len()).then_some(from)
        };
        let found = self.0.iter().find_map(|s| Some((s, rest(s)?)));
        found.map_or(&[], |((_, bytes), from)| &bytes[from..])
    }
}

impl Fetch for Source {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let rest = self.at(addr.0);
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        if n > 0 {
            return Ok(n);
        }
        Err(MemFault {
            addr,
            write: false,
            fetch: true,
            kind: MemFaultKind::NotMapped,
        })
    }
}

/// A block up to its next exit.
struct Part<'a> {
    /// The guest instruction it begins with or in.
    at: u64,
    insts: &'a [Inst],
}

/// The parts of a region that are executed as one, as the counters say.
fn split<'a>(region: &'a Region, counters: &[Counter]) -> Vec<(Part<'a>, OnHosts)> {
    let behind = counters.iter().skip(1).map(Some).chain([None]);
    let part = |(c, next): (&Counter, Option<&Counter>)| {
        let block = &region.blocks[c.block as usize];
        let end = next.filter(|n| n.block == c.block).map(|n| n.inst as usize);
        let (before, rest) = block.insts.split_at(c.inst as usize);
        let insts = &rest[..end.unwrap_or(block.insts.len()) - before.len()];
        let at = insns(insts).next().or(insns(before).last());
        let at = at.map_or(block.addr.0, |i| i.imm);
        (Part { at, insts }, OnHosts::default())
    };
    counters.iter().zip(behind).map(part).collect()
}

/// The guest instructions.
fn insns(insts: &[Inst]) -> impl Iterator<Item = &Inst> {
    insts.iter().filter(|i| i.op == Op::Insn)
}

/// Guest instructions, one a line.
fn guest_listing(source: &Source, insts: &[Inst]) -> String {
    let mut out = String::new();
    for i in insns(insts) {
        let insn = Decoder::with_ip(64, source.at(i.imm), i.imm, 0).decode();
        let mut text = String::new();
        IntelFormatter::new().format(&insn, &mut text);
        let _ = writeln!(out, "    {:x}  {text}", i.imm);
    }
    out
}

/// On each host: words and listing.
type OnHosts = [(usize, String); HOSTS.len()];

/// What a region costs on each host: words, and host instructions executed by the recorded counts.
#[derive(Default)]
struct Cost {
    guest: u64,
    words: [usize; HOSTS.len()],
    executed: [u64; HOSTS.len()],
}

/// A block is shown from this share of its region's guest instructions on, in percent.
const SHOWN: u64 = 4;

fn hot_region(hot: &Hot) -> (String, Cost) {
    let source = hot.source.iter().map(|(a, b)| (address(a), bytes(b)));
    let source = Source(source.collect());
    let counts: BTreeMap<u64, u64> = hot.counts.iter().map(|(a, n)| (address(a), *n)).collect();
    let entry = GuestAddr(address(&hot.entry));
    let mut region = translate(&source, entry, Limits::default()).expect("its bytes are there");
    felix::opt::optimize(&mut region);
    let times = |at: u64| counts.range(..=at).next_back().map_or(0, |(_, n)| *n);
    let mut cost = Cost::default();
    // By part, on each host: words and code.
    let mut parts: Vec<(Part<'_>, OnHosts)> = Vec::new();
    for (n, (_, host)) in HOSTS.iter().enumerate() {
        let lower = |counting| {
            felix::lower::lower_with(
                &region,
                isa(host),
                FpMode::Usual,
                counting,
                &mut Default::default(),
            )
            .unwrap_or_else(|e| panic!("{}: {e}", hot.name))
        };
        cost.words[n] = lower(false).words();
        // Where code counts, it says where blocks are; the counting itself is in none of them.
        let t = lower(true);
        if parts.is_empty() {
            parts = split(&region, &t.counters);
        }
        assert_eq!(t.counters.len(), parts.len(), "{}", hot.name);
        for (counter, (part, of)) in t.counters.iter().zip(&mut parts) {
            let code = &t.code[counter.start as usize..counter.end as usize];
            of[n] = (code.len() / 4, felix::rv64::listing(code));
            cost.executed[n] += (code.len() / 4) as u64 * times(part.at);
        }
    }
    let guest = |p: &Part<'_>| insns(p.insts).count() as u64 * times(p.at);
    cost.guest = parts.iter().map(|(p, _)| guest(p)).sum();
    let mut out = format!("== {}\nwords: {}\n\n", hot.name, columns(cost.words));
    for (part, of) in &parts {
        if guest(part) == 0 || guest(part) * 100 < cost.guest * SHOWN {
            continue;
        }
        let words = columns(std::array::from_fn(|i| of[i].0));
        let _ = writeln!(out, "-- {:x} x {}: {words}", part.at, times(part.at));
        let _ = write!(
            out,
            "{}  gc\n{}",
            guest_listing(&source, part.insts),
            of[0].1
        );
        let _ = writeln!(out, "  v256\n{}", of[HOSTS.len() - 1].1);
    }
    (out, cost)
}

/// The files of `corpus/hot` with their names.
fn hot_files() -> Vec<(String, HotFile)> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/hot");
    let entries = std::fs::read_dir(dir).expect("corpus/hot");
    let mut paths: Vec<_> = entries.map(|e| e.expect("corpus/hot").path()).collect();
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let file = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name.into_owned(), file)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn hot_code() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let mut summary = format!("{:52}", "host instructions for a guest instruction");
        for (name, _) in HOSTS {
            let _ = write!(summary, " {name:>7}");
        }
        summary.push('\n');
        let mut logs = [0.0; HOSTS.len()];
        let mut words = [0; HOSTS.len()];
        let mut n = 0;
        for (name, file) in hot_files() {
            let mut text = format!("{}\n{}\n\n", file.how, file.packages.join(", "));
            for region in &file.regions {
                let (t, cost) = hot_region(region);
                text.push_str(&t);
                let _ = write!(summary, "{:52.52}", format!("{name}: {}", region.name));
                for (i, e) in cost.executed.iter().enumerate() {
                    #[allow(clippy::cast_precision_loss)] // A ratio.
                    let each = *e as f64 / cost.guest.max(1) as f64;
                    let _ = write!(summary, " {each:7.2}");
                    logs[i] += each.ln();
                    words[i] += cost.words[i];
                }
                summary.push('\n');
                n += 1;
            }
            insta::assert_snapshot!(format!("hot-{name}"), text);
        }
        // Each region counts as much as any other.
        let _ = write!(summary, "{:52}", format!("geometric mean of {n}"));
        for l in logs {
            let _ = write!(summary, " {:7.3}", (l / f64::from(n)).exp());
        }
        let _ = write!(summary, "\n{:52}", "words of all");
        for w in words {
            let _ = write!(summary, " {w:7}");
        }
        summary.push('\n');
        insta::assert_snapshot!("hot", summary);
    });
}
