//! Lowered code as text: what a change in code quality shows in.

use super::{FpMode, lower};
use crate::lift::region::MAX_INSN;
use crate::lift::{self, Fetch, Limits};
use crate::rv64::{HostIsa, listing};
use crate::x86::{GuestAddr, MemFault, MemFaultKind};

struct Bytes(Vec<u8>);

const START: u64 = 0x40_1000;

impl Fetch for Bytes {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8; MAX_INSN]) -> Result<usize, MemFault> {
        let rest = usize::try_from(addr.0.wrapping_sub(START))
            .ok()
            .and_then(|at| self.0.get(at..));
        let n = rest.map_or(0, |r| r.len().min(MAX_INSN));
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

/// The hot part of what `hex` becomes: up to the first place where code is left.
fn hot(hex: &str, isa: &str) -> Vec<String> {
    let bytes = hex
        .split_whitespace()
        .map(|b| u8::from_str_radix(b, 16).unwrap())
        .collect();
    let mut region = lift::translate(&Bytes(bytes), GuestAddr(START), Limits::default()).unwrap();
    crate::opt::optimize(&mut region);
    let isa: HostIsa = isa.parse().unwrap();
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

/// Prints what snippets become: `cargo test --lib print_snippets -- --ignored --nocapture`.
#[test]
#[ignore = "a tool"]
fn print_snippets() {
    for (what, hex) in [
        ("add rax, rcx; dec ecx; jnz", "48 01 c8 ff c9 75 f9 0f 05"),
        (
            "mov eax, [rdi+rsi*4+16]; add eax, ebx; mov [rdi+8], eax; xor eax, eax; hlt",
            "8b 44 b7 10 01 d8 89 47 08 31 c0 f4",
        ),
        (
            "cmp rdi, rsi; jle +2; mov eax, 1; ret",
            "48 39 f7 7e 05 b8 01 00 00 00 c3",
        ),
        (
            "push rbx; mov rbx, rdi; call +0; pop rbx; ret",
            "53 48 89 fb e8 10 00 00 00 5b c3",
        ),
        (
            "cmp eax, ebx; cmovl eax, ebx; xor ecx, ecx",
            "39 d8 0f 4c c3 31 c9 f4",
        ),
        (
            "mov al, [rdi]; test al, al; jz",
            "8a 07 84 c0 74 03 48 ff c7 31 c0 f4",
        ),
        (
            "shl eax, 5; xor eax, edx; rol eax, 7; xor ecx, ecx",
            "c1 e0 05 31 d0 c1 c0 07 31 c9 f4",
        ),
    ] {
        for isa in ["gc", "gc,zba,zbb,zbs"] {
            println!("{what} ({isa})");
            hot(hex, isa).iter().for_each(|l| println!("    {l}"));
        }
    }
}
