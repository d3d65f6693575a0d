//! Every encoding gives a region that verifies.

use crate::ir::{Op, Region, Term, verify};
use crate::lift::region::{Fetch, Limits, decode, translate};
use crate::lift::table::{Family, row_for, supported};
use crate::x86::{Fault, GuestAddr, MemFault, MemFaultKind, Trap};
use iced_x86::{Code, CpuidFeature, EncodingKind};

struct Bytes<'a>(&'a [u8]);

impl Fetch for Bytes<'_> {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let at = usize::try_from(addr.0).unwrap();
        let kind = MemFaultKind::NotMapped;
        let rest = self.0.get(at..).filter(|r| !r.is_empty());
        let rest = rest.ok_or(MemFault {
            addr,
            write: false,
            fetch: true,
            kind,
        })?;
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

fn lift(bytes: &[u8]) -> Result<Region, Fault> {
    translate(
        &Bytes(bytes),
        GuestAddr(0),
        Limits {
            insns: 1,
            ..Limits::default()
        },
    )
}

#[test]
fn every_mnemonic_has_a_row() {
    for code in Code::values() {
        let info = code.op_code();
        let features = [
            CpuidFeature::MMX,
            CpuidFeature::SSE,
            CpuidFeature::SSE2,
            CpuidFeature::FXSR,
            CpuidFeature::CLFSH,
            CpuidFeature::SSE3,
            CpuidFeature::SSSE3,
            CpuidFeature::SSE4_1,
            CpuidFeature::SSE4_2,
            CpuidFeature::AES,
            CpuidFeature::PCLMULQDQ,
            CpuidFeature::SHA,
        ];
        let ours = code.cpuid_features().iter().any(|f| features.contains(f));
        let legacy = info.encoding() == EncodingKind::Legacy;
        if ours && legacy && info.is_instruction() && info.mode64() {
            assert!(row_for(code.mnemonic()).is_some(), "{code:?}");
            assert!(supported(code), "{code:?}");
        }
    }
}

/// The families whose encodings are gone through.
fn ours(family: Family) -> bool {
    use Family::{Aes, Mmx, Sha, Sse, Sse2, Sse3, Sse41, Sse42, Ssse3, X87};
    matches!(
        family,
        Mmx | Sse | Sse2 | Sse3 | Ssse3 | Sse41 | Sse42 | Aes | Sha | X87
    )
}

#[test]
fn every_encoding_is_lifted_and_verifies() {
    let mut lifted = std::collections::HashSet::new();
    let prefixes: [&[u8]; 6] = [&[], &[0x66], &[0xf3], &[0xf2], &[0x64], &[0x67]];
    let rex: [&[u8]; 3] = [&[], &[0x48], &[0x45]];
    // ModRM: [rcx], [rip + disp32] and [rcx + disp8] with every /reg, and all registers.
    let memory = (0..8).flat_map(|reg| [0x01, 0x05, 0x41].map(|m| m | reg << 3));
    let modrm: Vec<u8> = memory.chain(0xc0..=0xff).collect();
    for prefix in prefixes {
        for rex in rex {
            for opcode in 0..=255u8 {
                for escape in [&[0x0f][..], &[], &[0x0f, 0x38], &[0x0f, 0x3a]] {
                    for m in &modrm {
                        let bytes =
                            [prefix, rex, escape, &[opcode, *m, 0x9c, 0x10, 0, 0, 0x1b]].concat();
                        let Ok(insn) = decode(&Bytes(&bytes), GuestAddr(0)) else {
                            continue;
                        };
                        let Some(row) = row_for(insn.mnemonic()) else {
                            continue;
                        };
                        if !ours(row.family) {
                            continue;
                        }
                        let region = lift(&bytes).unwrap();
                        verify(&region).unwrap_or_else(|e| panic!("{bytes:02x?} {e}"));
                        let term = region.blocks[0].term;
                        let undefined = matches!(
                            term,
                            Term::Trap {
                                trap: Trap::InvalidOpcode,
                                ..
                            }
                        );
                        assert_eq!(
                            undefined,
                            !supported(insn.code()),
                            "{:?} {bytes:02x?}",
                            insn.code()
                        );
                        if !undefined {
                            lifted.insert(insn.code());
                        }
                    }
                }
            }
        }
    }
    for code in Code::values().filter(|c| supported(*c)) {
        let row = row_for(code.mnemonic()).unwrap();
        if ours(row.family) {
            assert!(lifted.contains(&code), "{code:?} was not reached");
        }
    }
}

/// Operations of the first block, without constants.
fn ops(bytes: &[u8]) -> Vec<Op> {
    let region = lift(bytes).unwrap();
    region.blocks[0]
        .insts
        .iter()
        .map(|i| i.op)
        .filter(|o| *o != Op::Const)
        .collect()
}

#[test]
fn what_can_fault_comes_before_what_is_written() {
    // addsd xmm0, [rcx]
    let got = ops(&[0xf2, 0x0f, 0x58, 0x01]);
    use Op::{FAdd, FFrom, FGet, FPut, Get, Insn, Load, Set};
    assert_eq!(
        got,
        [Insn, Get, Load, FFrom, Get, FGet, FAdd, Get, FPut, Set]
    );
}

#[test]
fn alignment_is_demanded_of_all_but_movups_and_its_kin() {
    let aligned = |bytes: &[u8]| {
        let region = lift(bytes).unwrap();
        let load = region.blocks[0]
            .insts
            .iter()
            .find(|i| matches!(i.op, Op::VLoad | Op::VStore));
        load.unwrap().aux
    };
    assert_eq!(aligned(&[0x0f, 0x28, 0x01]), 1, "movaps xmm0, [rcx]");
    assert_eq!(aligned(&[0x0f, 0x29, 0x01]), 1, "movaps [rcx], xmm0");
    assert_eq!(aligned(&[0x0f, 0x10, 0x01]), 0, "movups xmm0, [rcx]");
    assert_eq!(aligned(&[0x66, 0x0f, 0xfe, 0x01]), 1, "paddd xmm0, [rcx]");
    assert_eq!(aligned(&[0x66, 0x0f, 0xe7, 0x01]), 1, "movntdq [rcx], xmm0");
    assert_eq!(aligned(&[0x66, 0x0f, 0xf1, 0x01]), 1, "psllw xmm0, [rcx]");
}

#[test]
fn zero_idioms_depend_on_nothing() {
    use Op::{Insn, Set, VConst};
    assert_eq!(
        ops(&[0x66, 0x0f, 0xef, 0xc0]),
        [Insn, VConst, Set],
        "pxor xmm0, xmm0"
    );
    assert_eq!(
        ops(&[0x0f, 0x57, 0xc9]),
        [Insn, VConst, Set],
        "xorps xmm1, xmm1"
    );
}

#[test]
fn mmx_changes_state_after_what_can_fault() {
    // paddb mm0, [rcx]
    use Op::{And, Get, Insn, Load, Set, TrapIf, VAdd, VExtract, VFromI};
    assert_eq!(
        ops(&[0x0f, 0xfc, 0x01]),
        [
            Insn, Get, And, TrapIf, Get, Load, VFromI, Get, VFromI, VAdd, VExtract, Set, And, Set,
            Set
        ]
    );
}
