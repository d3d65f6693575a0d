//! Lowered code as text: what a change in code quality shows in.

use super::{FpMode, Memory, Translation, lower, lower_with};
use crate::ir::Op;
use crate::lift::{self, Fetch, Limits};
use crate::rv64::{Feature, HostIsa, listing};
use crate::x86::{GuestAddr, MemFault, MemFaultKind};

struct Bytes(Vec<u8>);

const START: u64 = 0x40_1000;

impl Fetch for Bytes {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let rest = usize::try_from(addr.0.wrapping_sub(START))
            .ok()
            .and_then(|at| self.0.get(at..));
        let n = rest.map_or(0, |r| r.len().min(buf.len()));
        if n == 0 {
            return Err(MemFault {
                addr,
                write: false,
                fetch: true,
                kind: MemFaultKind::NotMapped,
            });
        }
        buf[..n].copy_from_slice(&rest.unwrap_or_default()[..n]);
        Ok(n)
    }
}

fn region(hex: &str) -> crate::ir::Region {
    let bytes = hex
        .split_whitespace()
        .map(|b| u8::from_str_radix(b, 16).unwrap())
        .collect();
    let mut region = lift::translate(&Bytes(bytes), GuestAddr(START), Limits::default()).unwrap();
    crate::opt::optimize(&mut region);
    region
}

/// The hot part of what `hex` becomes where nobody else looks at memory: up to the first place where
/// code is left.
fn hot(hex: &str, isa: &str) -> Vec<String> {
    let isa: HostIsa = isa.parse().unwrap();
    hot_for(hex, isa.with(Feature::Ztso))
}

fn hot_for(hex: &str, isa: HostIsa) -> Vec<String> {
    let region = region(hex);
    let t = lower(&region, isa, FpMode::Usual).unwrap();
    assert_eq!(
        t,
        lower(&region, isa, FpMode::Usual).unwrap(),
        "not deterministic"
    );
    let text = listing(&t.code);
    let lines = text.lines().map(|l| l[7..].to_owned());
    lines
        .take_while(|l| !l.starts_with("ld t6, 912(s0)"))
        .collect()
}

#[test]
fn loads_and_stores_are_fenced_unless_the_host_orders_them() {
    // mov rax, [rdi]; movups xmm0, [rsi]; mov [rdx], rax; movups [rcx], xmm0; hlt
    let hex = "48 8b 07 0f 10 06 48 89 02 0f 11 01 f4";
    for isa in ["gc", "gc,zba,zbb,zbs,v128"] {
        let isa: HostIsa = isa.parse().unwrap();
        let code = hot_for(hex, isa);
        let is = |l: &String, what: &[&str]| what.iter().any(|w| l.starts_with(w));
        let place = |what: &[&str], base: &str| {
            code.iter()
                .position(|l| is(l, what) && l.contains(base))
                .unwrap_or_else(|| panic!("no {what:?} of {base} in {code:#?}"))
        };
        let fence = |at: usize, kind: &str| assert_eq!(code[at], kind, "{code:#?}");
        fence(place(&["ld"], "(s5)") + 1, "fence r, rw");
        fence(place(&["sd"], "(a5)") - 1, "fence rw, w");
        let fences = |kind: &str| code.iter().filter(|l| *l == kind).count();
        assert_eq!(
            (fences("fence r, rw"), fences("fence rw, w")),
            (2, 2),
            "{code:#?}"
        );
        let free = hot_for(hex, isa.with(Feature::Ztso));
        assert!(free.iter().all(|l| !l.starts_with("fence")), "{free:#?}");
    }
}

#[test]
fn a_comparison_and_its_jump_are_one_branch() {
    // cmp rdi, rsi; jle +5; mov eax, 1; ret
    let code = hot("48 39 f7 7e 05 b8 01 00 00 00 c3", "gc,zba,zbb,zbs");
    let at = code.iter().position(|l| l == "bge s4, s5, .+8");
    assert_eq!(
        code[at.expect("a fused branch") + 1],
        "addi a3, zero, 1",
        "{code:#?}"
    );
}

#[test]
fn addresses_and_32_bit_values_cost_no_extensions() {
    // mov eax, [rdi + rsi*4 + 16]; add eax, ebx; mov [rdi + 8], eax; xor eax, eax; hlt
    let code = hot("8b 44 b7 10 01 d8 89 47 08 31 c0 f4", "gc,zba,zbb,zbs");
    assert_eq!(
        code[..4],
        [
            "sh2add t0, s4, s5",
            "lwu t0, 16(t0)",
            "addw a3, t0, s1",
            "sw a3, 8(s5)"
        ],
        "{code:#?}"
    );
}

fn counted(region: &crate::ir::Region) -> Translation {
    let memory = &mut Memory::default();
    lower_with(region, HostIsa::GC, FpMode::Usual, true, memory).unwrap()
}

#[test]
fn counting_lies_between_the_blocks() {
    // cmp rdi, rsi; jle +5; mov eax, 1; ret
    let region = region("48 39 f7 7e 05 b8 01 00 00 00 c3");
    let plain = lower(&region, HostIsa::GC, FpMode::Usual).unwrap();
    let counted = counted(&region);
    assert!(plain.counters.is_empty());
    assert!(counted.counters.len() >= region.blocks.len());
    let words = |code: &[u8]| code.chunks(4).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut at = 0;
    for c in &counted.counters {
        assert!(c.start <= c.end && c.address as usize + 8 <= counted.code.len());
        // Without the counting it is the code that does not count, but for distances of jumps.
        let (start, end) = (c.start as usize, c.end as usize);
        let mut same = words(&counted.code[start..end]);
        let mut other = words(&plain.code[at..at + end - start]);
        assert_eq!(same.len(), other.len());
        same.retain(|w| w[0] & 0x7f != 0x63 && w[0] & 0x7f != 0x6f);
        other.retain(|w| w[0] & 0x7f != 0x63 && w[0] & 0x7f != 0x6f);
        assert_eq!(same, other);
        at += end - start;
    }
}

#[test]
fn what_is_counted_behind_an_exit_begins_with_the_next_instruction() {
    // cmp rdi, rsi; jle +0x1000; mov eax, 1; ret
    let region = region("48 39 f7 0f 8e 00 10 00 00 b8 01 00 00 00 c3");
    let counted = counted(&region);
    let behind: Vec<Op> = counted
        .counters
        .iter()
        .filter(|c| c.inst > 0)
        .map(|c| region.blocks[c.block as usize].insts[c.inst as usize - 1].op)
        .collect();
    assert_eq!(behind, [Op::ExitIf]);
}

#[test]
fn an_aligned_store_takes_the_vector_type_that_is_there() {
    // paddq xmm0, xmm1; movaps [rdi], xmm0; movaps xmm2, [rsi]; paddq xmm2, xmm0; hlt
    let code = hot(
        "66 0f d4 c1 0f 29 07 0f 28 16 66 0f d4 d0 f4",
        "gc,zba,zbb,zbs,v128",
    );
    let last = code.iter().rposition(|l| l.starts_with("vadd.vv"));
    let set = code[..last.unwrap()].iter();
    assert_eq!(
        set.filter(|l| l.starts_with("vset")).count(),
        1,
        "{code:#?}"
    );
}

#[test]
fn what_is_pushed_moves_rsp_once() {
    // push rbp; push rbx; push r12; jmp +0x100
    let code = hot("55 53 41 54 e9 00 01 00 00", "gc,zba,zbb,zbs");
    assert_eq!(
        code[..4],
        [
            "sd s3, -8(s2)",
            "sd s1, -16(s2)",
            "sd s8, -24(s2)",
            "addi s2, s2, -24"
        ]
    );
}

#[test]
fn a_block_goes_on_behind_its_branches() {
    // cmp rdi, rsi; je; mov rax, [rdi]; nop; cmp rdi, rsi; jb; and rax, rbx; ret: nobody stores the flags of the
    // comparisons on the way.
    let code = hot(
        "48 39 f7 74 20 48 8b 07 90 48 39 f7 72 20 48 21 d8 c3",
        "gc,zba,zbb,zbs",
    );
    let hot: Vec<&str> = code.iter().map(|l| &l[..3]).take(4).collect();
    assert_eq!(hot, ["beq", "ld ", "blt", "and"]);
}

#[test]
fn a_block_that_jumps_back_falls_through_to_what_its_last_exit_leads_to() {
    // jmp head; test: jrcxz over; head: lea rdi, [rdi-1]; jmp test; over: syscall
    let code = hot("eb 02 e3 06 48 8d 7f ff eb f8 0f 05", "gc,zba,zbb,zbs");
    let branches: Vec<&str> = code
        .iter()
        .map(|l| l.split(' ').next().unwrap())
        .filter(|op| ["beq", "bne", "jal"].contains(op))
        .collect();
    // The poll, and back.
    assert_eq!(branches, ["bne", "bne"], "{code:#?}");
}

#[test]
fn lanes_are_gathered_where_an_index_of_255_has_no_element() {
    // pshufd xmm0, xmm1, 0x1b; hlt
    let gathers = |vlen: u32| {
        let code = hot("66 0f 70 c1 1b f4", &format!("gc,zba,zbb,zbs,v{vlen}"));
        code.iter().any(|l| l.starts_with("vrgather"))
    };
    assert_eq!([128, 1024, 2048].map(gathers), [true, true, false]);
}

#[test]
fn the_mask_of_a_comparison_of_256_bits_is_taken_as_it_is_made() {
    // vpcmpeqb ymm0, ymm2, ymm3; vpmovmskb eax, ymm0; vpxor ymm0, ymm1, ymm2; hlt
    let code = hot(
        "c5 ed 74 c3 c5 fd d7 c0 c5 f5 ef c2 f4",
        "gc,zba,zbb,zbs,v256",
    );
    let masks = code.iter().filter(|l| l.starts_with("vms"));
    assert_eq!(masks.count(), 1, "{code:#?}");
    assert!(code.iter().all(|l| !l.starts_with("vmerge")), "{code:#?}");
}

#[test]
fn one_vector_as_both_halves_is_made_a_pair() {
    // vinsertf128 ymm0, ymm1, xmm1, 1; vpaddd ymm0, ymm0, ymm2; hlt
    let code = hot("c4 e3 75 18 c1 01 c5 fd fe c2 f4", "gc,zba,zbb,zbs,v256");
    let up = code.iter().position(|l| l.starts_with("vslideup"));
    let sum = code.iter().position(|l| l.starts_with("vadd.vv"));
    assert!(up.is_some() && up < sum, "{code:#?}");
}
