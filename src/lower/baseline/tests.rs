//! What code made one by one looks like, and what it tells about itself.

use super::*;
use crate::lift::quick;
use crate::rv64::disassemble;
use iced_x86::{Decoder, DecoderOptions};

const START: u64 = 0x40_1000;

/// The code for `bytes` of guest code on `isa`, as text, and how many instructions it is of.
fn code(bytes: &[u8], isa: &str) -> (Vec<String>, usize, Baseline) {
    let decoder = Decoder::with_ip(64, bytes, START, DecoderOptions::NONE);
    let plain: Vec<Quick> = decoder
        .into_iter()
        .map(|i| quick::quick(&i).expect("a quick one"))
        .collect();
    let mut b = Baseline::default();
    let n = b.lower(GuestAddr(START), &plain, isa.parse().unwrap());
    let text = b
        .words(0x1000, 0x10_0000)
        .iter()
        .map(|w| disassemble(*w).unwrap_or_default())
        .collect();
    (text, n, b)
}

const ISA: &str = "gc,zba,zbb,zbs,ztso,v128";

fn has(text: &[String], what: &str) -> bool {
    text.iter().any(|line| line.contains(what))
}

#[test]
fn a_comparison_and_its_jump_are_one_branch() {
    // cmp rax, rbx; jb +0x10
    let (text, n, b) = code(&[0x48, 0x39, 0xd8, 0x72, 0x10], ISA);
    assert_eq!(n, 2);
    assert!(has(&text, "bltu a3, s1"), "{text:#?}");
    let targets: Vec<u64> = b.exits.iter().map(|e| e.target).collect();
    assert_eq!(targets, [START + 5, START + 0x15]);
}

#[test]
fn a_test_for_zero_and_its_jump_are_one_branch() {
    // test rax, rax; je +0x10, and shl rax, 2; jne +0x10: nobody is asked about the flags.
    let (text, ..) = code(&[0x48, 0x85, 0xc0, 0x74, 0x10], ISA);
    assert!(has(&text, "beq a3, zero"), "{text:#?}");
    let (text, ..) = code(&[0x48, 0xc1, 0xe0, 0x02, 0x75, 0x10], ISA);
    assert!(has(&text, "bne a3, zero"), "{text:#?}");
}

#[test]
fn flags_nobody_sees_are_not_stored() {
    // add rax, rbx; add rcx, rdx: the second's are seen.
    let twice = [0x48, 0x01, 0xd8, 0x48, 0x01, 0xd1];
    let stores = |text: &[String]| text.iter().filter(|l| l.starts_with("sd ")).count();
    let (text, ..) = code(&twice, ISA);
    assert_eq!(stores(&text), 3, "a, b and the code: {text:#?}");
    // add rax, rbx; mov rsi, [rdi]; add rcx, rdx: a fault in between shows the first's.
    let faults = [0x48, 0x01, 0xd8, 0x48, 0x8b, 0x37, 0x48, 0x01, 0xd1];
    let (text, ..) = code(&faults, ISA);
    assert_eq!(stores(&text), 5, "the code is the same: {text:#?}");
}

#[test]
fn a_place_tells_the_instruction_to_evaluate() {
    // add rax, rbx; mov rsi, [rdi]
    let (text, _, b) = code(&[0x48, 0x01, 0xd8, 0x48, 0x8b, 0x37], ISA);
    let load = text.iter().position(|l| l == "ld s4, 0(s5)").unwrap();
    let at = |offset: usize| b.places.iter().rfind(|p| usize::from(p.offset) <= offset);
    let place = at(4 * load).unwrap();
    assert_eq!((place.at, place.why), (3, Why::Evaluate));
    // What is left for behind the last instruction is an exit.
    let jump = text.iter().position(|l| l.starts_with("jal zero")).unwrap();
    assert_eq!(usize::from(b.exits[0].word), 4 * jump);
    let stub = at(b.exits[0].stub.into()).unwrap();
    assert_eq!(stub.why, Why::Exit(0));
    assert_eq!(b.exits[0].target, START + 6);
}

#[test]
fn what_may_loop_polls() {
    let polls = |bytes: &[u8]| has(&code(bytes, ISA).0, &format!("{}(s0)", offset::POLL));
    // jmp to itself, jmp ahead, ret
    assert!(polls(&[0xeb, 0xfe]));
    assert!(!polls(&[0xeb, 0x20]));
    assert!(polls(&[0xc3]));
}

#[test]
fn accesses_keep_the_order_the_isa_does_not() {
    // mov rax, [rbx]; mov [rcx], rax
    let bytes = [0x48, 0x8b, 0x03, 0x48, 0x89, 0x01];
    let fences = |isa| {
        let (text, ..) = code(&bytes, isa);
        let is = |l: &&String| l.starts_with("fence");
        text.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    assert_eq!(fences("gc"), ["fence r, rw", "fence rw, w"]);
    assert_eq!(fences("gc,ztso"), [""; 0]);
}

#[test]
fn long_code_is_cut_and_goes_on_elsewhere() {
    // inc byte [...]-like work: imul eax, ecx, 0x12345 sets flags seen by the next setc.
    let mut bytes = Vec::new();
    for _ in 0..MOST {
        bytes.extend([0x69, 0xc1, 0x45, 0x23, 0x01, 0x00, 0x0f, 0x92, 0xc2]);
    }
    let (text, n, b) = code(&bytes, "gc");
    assert!(n < MOST && text.len() < 1024, "{n} {}", text.len());
    let lens = [6, 3].iter().cycle().take(n).sum::<u64>();
    assert_eq!(b.exits.last().unwrap().target, START + lens);
}

#[test]
fn the_counter_is_where_the_code_looks_for_it() {
    let (text, ..) = code(&[0x90], ISA);
    // From 0x1000 to 0x100000.
    assert_eq!(text[0], "auipc t0, 0xff");
    assert_eq!(text[1], "lw t1, 0(t0)");
    assert_eq!(text[3], "sw t1, 0(t0)");
}

#[test]
fn constants_of_many_words_lie_behind_the_code() {
    // mov rax, imm64
    let mov = |imm: u64| code(&[&[0x48, 0xb8], &imm.to_le_bytes()[..]].concat(), ISA).0;
    assert!(has(&mov(0x1234_5000), "lui a3, 0x12345"));
    let long = mov(0x1234_5678_9abc_def0);
    assert!(has(&long, "ld a3,"), "{long:#?}");
}

#[test]
fn a_vector_that_ends_with_its_page_is_stored_at_once() {
    // movups [rdi], xmm0; vmovups [rdi], ymm0: whether they lie on two pages says their last byte.
    let last = |bytes: &[u8], end: &str| {
        let (text, ..) = code(bytes, ISA);
        assert!(text.iter().any(|l| l.ends_with(end)), "{text:#?}");
    };
    last(&[0x0f, 0x11, 0x07], ", s5, 15");
    last(&[0xc5, 0xfc, 0x11, 0x07], ", s5, 31");
}
