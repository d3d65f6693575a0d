//! Classic BPF as seccomp(2) takes it: which programs Linux accepts, and what they compute.
//!
//! The rules are those of bpf_check_classic (net/core/filter.c) and seccomp_check_filter (kernel/seccomp.c). The input of
//! a program is a `struct seccomp_data` as 16 words; what they mean is not known here.

/// BPF_MAXINSNS.
pub const MAX: usize = 4096;
/// BPF_MEMWORDS.
const CELLS: usize = 16;
/// Words of a `struct seccomp_data`.
pub const WORDS: usize = 16;
/// The same in bytes, as BPF_LEN gives it.
const LENGTH: u32 = 64;
const _: () = assert!(LENGTH as usize == 4 * WORDS);
/// Bytes of a `struct sock_filter`.
pub const SIZE: usize = 8;

/// A `struct seccomp_data`.
pub type Data = [u32; WORDS];

/// Opcodes: BPF_CLASS, BPF_SIZE and BPF_MODE, or BPF_OP and BPF_SRC, put together (linux/bpf_common.h).
mod op {
    pub const LD_W_ABS: u16 = 0x20;
    pub const LD_LEN: u16 = 0x80;
    pub const LDX_LEN: u16 = 0x81;
    pub const LD_IMM: u16 = 0x00;
    pub const LDX_IMM: u16 = 0x01;
    pub const LD_MEM: u16 = 0x60;
    pub const LDX_MEM: u16 = 0x61;
    pub const ST: u16 = 0x02;
    pub const STX: u16 = 0x03;
    pub const TAX: u16 = 0x07;
    pub const TXA: u16 = 0x87;
    pub const RET_K: u16 = 0x06;
    pub const RET_A: u16 = 0x16;
    pub const JA: u16 = 0x05;
    pub const NEG: u16 = 0x84;
    pub const ALU: u16 = 0x04;
    pub const JMP: u16 = 0x05;
    /// BPF_X.
    pub const X: u16 = 0x08;
    pub const ADD: u16 = 0x00;
    pub const SUB: u16 = 0x10;
    pub const MUL: u16 = 0x20;
    pub const DIV: u16 = 0x30;
    pub const OR: u16 = 0x40;
    pub const AND: u16 = 0x50;
    pub const LSH: u16 = 0x60;
    pub const RSH: u16 = 0x70;
    pub const XOR: u16 = 0xa0;
    pub const JEQ: u16 = 0x10;
    pub const JGT: u16 = 0x20;
    pub const JGE: u16 = 0x30;
    pub const JSET: u16 = 0x40;
}

/// `struct sock_filter`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insn {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if the condition holds.
    pub jt: u8,
    /// And if not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl Insn {
    /// From its bytes in memory.
    #[must_use]
    pub fn from_bytes(b: [u8; SIZE]) -> Insn {
        Insn {
            code: u16::from_le_bytes([b[0], b[1]]),
            jt: b[2],
            jf: b[3],
            k: u32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// Its bytes in memory.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SIZE] {
        let (c, k) = (self.code.to_le_bytes(), self.k.to_le_bytes());
        [c[0], c[1], self.jt, self.jf, k[0], k[1], k[2], k[3]]
    }

    /// True for the jumps that depend on something.
    fn is_branch(self) -> bool {
        self.code & 7 == op::JMP && self.code != op::JA
    }

    /// True if seccomp takes it, at this distance from the program's end (of the instructions behind it).
    fn is_allowed(self, behind: usize) -> bool {
        let k = self.k as usize;
        match self.code {
            op::LD_W_ABS => k < 4 * WORDS && k.is_multiple_of(4),
            op::LD_LEN | op::LDX_LEN | op::LD_IMM | op::LDX_IMM => true,
            op::LD_MEM | op::LDX_MEM | op::ST | op::STX => k < CELLS,
            op::TAX | op::TXA | op::RET_K | op::RET_A | op::NEG => true,
            op::JA => k < behind,
            c if c & 7 == op::ALU => {
                let by_k = c & op::X == 0;
                match c & !(7 | op::X) {
                    op::ADD | op::SUB | op::MUL | op::OR | op::AND | op::XOR => true,
                    op::DIV => !by_k || k != 0,
                    op::LSH | op::RSH => !by_k || k < 32,
                    _ => false,
                }
            }
            c if c & 7 == op::JMP => {
                let known = matches!(c & !(7 | op::X), op::JEQ | op::JGT | op::JGE | op::JSET);
                known && usize::from(self.jt) < behind && usize::from(self.jf) < behind
            }
            _ => false,
        }
    }

    /// How many instructions Linux makes of it (bpf_convert_filter): what its limit on chains counts.
    fn cost(self) -> usize {
        match self.code {
            op::RET_K => 2,
            c if c == op::ALU | op::DIV | op::X => 5,
            c if self.is_branch() => {
                let big = c & op::X == 0 && self.k >> 31 != 0;
                let one = self.jf == 0 || (self.jt == 0 && c & !(7 | op::X) != op::JSET);
                usize::from(big) + if one { 1 } else { 2 }
            }
            _ => 1,
        }
    }
}

/// A program that Linux would accept.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    code: Box<[Insn]>,
}

impl Program {
    /// The program of these instructions; `None` if Linux refuses it (EINVAL).
    #[must_use]
    pub fn new(code: Vec<Insn>) -> Option<Program> {
        let len = code.len();
        if len == 0 || len > MAX {
            return None;
        }
        let allowed = |(at, i): (usize, &Insn)| i.is_allowed(len - at - 1);
        let ends = matches!(code[len - 1].code, op::RET_K | op::RET_A);
        if !code.iter().enumerate().all(allowed) || !ends || !reads_what_is_written(&code) {
            return None;
        }
        Some(Program { code: code.into() })
    }

    /// Its instructions.
    #[must_use]
    pub fn code(&self) -> &[Insn] {
        &self.code
    }

    /// Its length as Linux counts it against the limit of a chain: with three instructions that begin it.
    #[must_use]
    pub fn cost(&self) -> usize {
        3 + self.code.iter().map(|i| i.cost()).sum::<usize>()
    }

    /// What the program returns for `data`. Jumps only go forward, so it ends.
    #[must_use]
    pub fn run(&self, data: &Data) -> u32 {
        let (mut a, mut x, mut cells) = (0u32, 0u32, [0u32; CELLS]);
        let mut at = 0;
        while let Some(i) = self.code.get(at) {
            at += 1;
            let k = i.k;
            let cell = k as usize % CELLS;
            match i.code {
                op::LD_W_ABS => a = data[k as usize / 4 % WORDS],
                op::LD_LEN => a = LENGTH,
                op::LDX_LEN => x = LENGTH,
                op::LD_IMM => a = k,
                op::LDX_IMM => x = k,
                op::LD_MEM => a = cells[cell],
                op::LDX_MEM => x = cells[cell],
                op::ST => cells[cell] = a,
                op::STX => cells[cell] = x,
                op::TAX => x = a,
                op::TXA => a = x,
                op::RET_K => return k,
                op::RET_A => return a,
                op::NEG => a = a.wrapping_neg(),
                op::JA => at += k as usize,
                c => {
                    let v = if c & op::X == 0 { k } else { x };
                    let which = c & !(7 | op::X);
                    if c & 7 == op::JMP {
                        let holds = match which {
                            op::JEQ => a == v,
                            op::JGT => a > v,
                            op::JGE => a >= v,
                            _ => a & v != 0,
                        };
                        at += usize::from(if holds { i.jt } else { i.jf });
                        continue;
                    }
                    a = match which {
                        op::ADD => a.wrapping_add(v),
                        op::SUB => a.wrapping_sub(v),
                        op::MUL => a.wrapping_mul(v),
                        // Division by zero ends the program.
                        op::DIV => match a.checked_div(v) {
                            Some(q) => q,
                            None => return 0,
                        },
                        op::OR => a | v,
                        op::AND => a & v,
                        op::LSH => a.wrapping_shl(v),
                        op::RSH => a.wrapping_shr(v),
                        _ => a ^ v,
                    };
                }
            }
        }
        0
    }
}

/// True if no memory cell is read that was not written on every way there (check_load_and_stores).
fn reads_what_is_written(code: &[Insn]) -> bool {
    let mut known = vec![0xffffu16; code.len()];
    let mut valid = 0u16;
    for (at, i) in code.iter().enumerate() {
        valid &= known[at];
        let mut jump = |by: usize| {
            known[at + 1 + by] &= valid;
        };
        match i.code {
            op::ST | op::STX => valid |= 1 << i.k,
            op::LD_MEM | op::LDX_MEM if valid >> i.k & 1 == 0 => return false,
            op::JA => {
                jump(i.k as usize);
                valid = 0xffff;
            }
            _ if i.is_branch() => {
                jump(i.jt.into());
                jump(i.jf.into());
                valid = 0xffff;
            }
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn i(code: u16, jt: u8, jf: u8, k: u32) -> Insn {
        Insn { code, jt, jf, k }
    }

    fn accepts(code: &[Insn]) -> bool {
        Program::new(code.to_vec()).is_some()
    }

    fn result(code: &[Insn], data: &Data) -> u32 {
        Program::new(code.to_vec()).expect("is accepted").run(data)
    }

    #[test]
    fn arithmetic_is_of_32_bits() {
        let d = [0; WORDS];
        let ops = [
            (op::ADD, 7u32, u32::MAX, 6u32),
            (op::SUB, 1, 2, u32::MAX),
            (op::MUL, 1 << 31, 2, 0),
            (op::DIV, 100, 7, 14),
            (op::OR, 5, 10, 15),
            (op::AND, 6, 3, 2),
            (op::LSH, 1, 31, 1 << 31),
            (op::RSH, 1 << 31, 31, 1),
            (op::XOR, 6, 3, 5),
        ];
        for (which, a, v, out) in ops {
            let by_k = [
                i(0, 0, 0, a),
                i(op::ALU | which, 0, 0, v),
                i(op::RET_A, 0, 0, 0),
            ];
            assert_eq!(result(&by_k, &d), out, "{which:#x} by K");
            let by_x = [
                i(0, 0, 0, v),
                i(op::TAX, 0, 0, 0),
                i(0, 0, 0, a),
                i(op::ALU | which | op::X, 0, 0, 0),
                i(op::RET_A, 0, 0, 0),
            ];
            assert_eq!(result(&by_x, &d), out, "{which:#x} by X");
        }
        // A shift by a register counts modulo 32; a division by zero returns 0.
        let x = |v, which| {
            [
                i(op::LDX_IMM, 0, 0, v),
                i(0, 0, 0, 3),
                i(op::ALU | which | op::X, 0, 0, 0),
                i(op::RET_A, 0, 0, 0),
            ]
        };
        assert_eq!(result(&x(33, op::LSH), &d), 6);
        assert_eq!(result(&x(0, op::DIV), &d), 0);
        assert_eq!(
            result(
                &[i(0, 0, 0, 1), i(op::NEG, 0, 0, 0), i(op::RET_A, 0, 0, 0)],
                &d
            ),
            u32::MAX
        );
    }

    #[test]
    fn jumps_loads_and_cells() {
        let mut d = [0; WORDS];
        d[1] = 0xc000_003e;
        d[15] = 77;
        let branch = |code: u16, k| {
            [
                i(op::LD_W_ABS, 0, 0, 4),
                i(code, 0, 1, k),
                i(op::RET_K, 0, 0, 1),
                i(op::RET_K, 0, 0, 2),
            ]
        };
        for (which, k, out) in [
            (op::JEQ, 0xc000_003e, 1),
            (op::JEQ, 0, 2),
            (op::JGT, 0xc000_003e, 2),
            (op::JGT, 0xc000_003d, 1),
            (op::JGE, 0xc000_003e, 1),
            (op::JSET, 1, 2),
            (op::JSET, 2, 1),
        ] {
            assert_eq!(
                result(&branch(op::JMP | which, k), &d),
                out,
                "{which:#x} {k:#x}"
            );
        }
        let cells = [
            i(op::LD_W_ABS, 0, 0, 60),
            i(op::ST, 0, 0, 15),
            i(op::LD_LEN, 0, 0, 9),
            i(op::LDX_MEM, 0, 0, 15),
            i(op::STX, 0, 0, 0),
            i(op::JA, 0, 0, 1),
            i(op::RET_K, 0, 0, 5),
            i(op::LD_MEM, 0, 0, 0),
            i(op::RET_A, 0, 0, 0),
        ];
        assert_eq!(result(&cells, &d), 77);
        assert_eq!(
            result(
                &[
                    i(op::LDX_LEN, 0, 0, 0),
                    i(op::TXA, 0, 0, 0),
                    i(op::RET_A, 0, 0, 0)
                ],
                &d
            ),
            64
        );
    }

    #[test]
    fn what_linux_refuses_is_refused() {
        let ret = i(op::RET_K, 0, 0, 0);
        assert!(
            accepts(&[ret])
                && !accepts(&[])
                && accepts(&vec![ret; MAX])
                && !accepts(&vec![ret; MAX + 1])
        );
        let bad = [
            i(op::LD_W_ABS, 0, 0, 64),
            i(op::LD_W_ABS, 0, 0, 2),
            i(op::LD_W_ABS, 0, 0, 0xffff_f000),
            i(0x28, 0, 0, 0), // LD H ABS
            i(0x30, 0, 0, 0), // LD B ABS
            i(0x40, 0, 0, 0), // LD W IND
            i(0xb1, 0, 0, 0), // LDX MSH
            i(0x94, 0, 0, 3), // MOD K
            i(0x9c, 0, 0, 0), // MOD X
            i(op::ALU | op::DIV, 0, 0, 0),
            i(op::ALU | op::LSH, 0, 0, 32),
            i(op::ST, 0, 0, 16),
            i(op::LD_MEM, 0, 0, 0),
            i(op::JA, 0, 0, 1),
            i(op::JMP | op::JEQ, 1, 0, 0),
            i(op::JMP | op::JEQ, 0, 1, 0),
            i(op::JMP | 0xb0, 0, 0, 0),
            i(0x0e, 0, 0, 0), // RET X
            i(0x120, 0, 0, 0),
            i(op::NEG | op::X, 0, 0, 0),
        ];
        for b in bad {
            assert!(!accepts(&[b, ret]), "{b:?}");
        }
        assert!(!accepts(&[i(0, 0, 0, 0)]), "does not end with RET");
    }

    #[test]
    fn a_cell_is_written_on_every_way_to_where_it_is_read() {
        let ways = |first: Insn| {
            [
                i(op::LD_W_ABS, 0, 0, 0),
                i(op::JMP | op::JEQ, 0, 1, 5),
                first,
                i(op::LD_MEM, 0, 0, 3),
                i(op::RET_A, 0, 0, 0),
            ]
        };
        assert!(!accepts(&ways(i(op::ST, 0, 0, 3))));
        let both = [
            i(op::ST, 0, 0, 3),
            i(op::JMP | op::JEQ, 0, 1, 5),
            i(op::TAX, 0, 0, 0),
            i(op::LD_MEM, 0, 0, 3),
            i(op::RET_A, 0, 0, 0),
        ];
        assert!(accepts(&both));
    }

    #[test]
    fn bytes_are_those_of_sock_filter() {
        let insn = i(0x1234, 5, 6, 0x789a_bcde);
        assert_eq!(insn.to_bytes(), [0x34, 0x12, 5, 6, 0xde, 0xbc, 0x9a, 0x78]);
        assert_eq!(Insn::from_bytes(insn.to_bytes()), insn);
    }
}
