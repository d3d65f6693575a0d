//! `decode_run` against `quick`, which is its definition.

use super::map::{Class, ONE_BYTE};
use super::{LOOKS_AT, decode_run};
use crate::lift::quick::{Quick, quick};
use crate::lift::region::decoder_options;
use iced_x86::{Decoder, DecoderError, FlowControl, Instruction, RflagsBits};

/// As iced-x86 reads `bytes`, if that is an instruction.
fn iced(bytes: &[u8], ip: u64) -> Option<Instruction> {
    let mut decoder = Decoder::with_ip(64, bytes, ip, decoder_options());
    let insn = decoder.decode();
    (decoder.last_error() == DecoderError::None).then_some(insn)
}

fn decoded(bytes: &[u8; LOOKS_AT], ip: u64) -> Option<Quick> {
    let mut out = [Quick::default()];
    let run = decode_run(bytes, ip, &mut out);
    assert_eq!(run.len, run.insns * usize::from(out[0].len));
    assert_eq!(run.ends, run.insns == 1 && out[0].kind.is_branch());
    (run.insns == 1).then_some(out[0])
}

/// Fails unless `decode_run` declines `bytes` or gives what `quick` does.
fn check(bytes: &[u8; LOOKS_AT], ip: u64) {
    let Some(ours) = decoded(bytes, ip) else {
        return;
    };
    let insn = iced(bytes, ip).unwrap_or_else(|| panic!("{bytes:02x?}: {ours:?}"));
    assert_eq!(quick(&insn), Some(ours), "{bytes:02x?} {insn}");
    let status = RflagsBits::CF
        | RflagsBits::PF
        | RflagsBits::AF
        | RflagsBits::ZF
        | RflagsBits::SF
        | RflagsBits::OF;
    assert_eq!(
        ours.kind.reads_flags(),
        insn.rflags_read() & status != 0,
        "{insn}"
    );
    let next = matches!(
        insn.flow_control(),
        FlowControl::Next | FlowControl::XbeginXabortXend
    );
    assert_eq!(ours.kind.is_branch(), !next, "{insn}");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn bytes(&mut self) -> [u8; LOOKS_AT] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_le_bytes()
    }
}

const LEGACY: [&[u8]; 17] = [
    &[],
    &[0x66],
    &[0xf3],
    &[0xf2],
    &[0x64],
    &[0x65],
    &[0x2e],
    &[0x3e],
    &[0x67],
    &[0xf0],
    &[0x66, 0x64],
    &[0x66, 0x2e],
    &[0x66, 0xf3],
    &[0x64, 0x65],
    &[0x66, 0x66],
    &[0xf0, 0x66],
    &[0xf3, 0x66],
];

/// Every how manyth case is tried: all, unless the host is likely to be an emulator.
const EVERY: usize = if cfg!(target_arch = "x86_64") { 1 } else { 15 };

/// Every opcode of both maps with every ModRM, REX and common prefixes; what follows is random, but a
/// SIB without base, without index and without either come often enough.
#[test]
fn every_opcode_and_modrm_as_quick() {
    let mut random = Random(1);
    for legacy in LEGACY {
        for rex in (0x3f..=0x4f).step_by(EVERY) {
            for map in [&[][..], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]] {
                for opcode in 0..=0xff {
                    let mut head = legacy.to_vec();
                    // 3F stands for none.
                    head.extend((rex != 0x3f).then_some(rex));
                    head.extend(map);
                    head.push(opcode);
                    if (map.is_empty() && opcode == 0x0f)
                        || ONE_BYTE[usize::from(head[0])].class == Class::Other
                    {
                        continue;
                    }
                    for modrm in 0..=0xff {
                        let sibs = [0x25, 0x65, 0x24, 0xe5, random.next().to_le_bytes()[0]];
                        let n = if modrm & 7 == 4 { sibs.len() } else { 1 };
                        for sib in &sibs[..n] {
                            let mut bytes = random.bytes();
                            bytes[..head.len()].copy_from_slice(&head);
                            bytes[head.len()..][..2].copy_from_slice(&[modrm, *sib]);
                            check(&bytes, 0x7fff_1234);
                        }
                    }
                }
            }
        }
    }
}

/// Every opcode of the first three maps behind VEX prefixes with every L and pp, and some registers.
#[test]
fn every_opcode_with_vex_as_quick() {
    let mut random = Random(3);
    let mut known = 0;
    let prefixes = (0..=0xff).step_by(EVERY);
    for (second, last) in prefixes.flat_map(|n| (0..4).map(move |pp| (n, pp))) {
        for opcode in (0..=0xff).step_by(EVERY.min(3)) {
            for modrm in (0..=0xff).step_by(9).chain((0xc0..=0xff).step_by(EVERY)) {
                // C5: R, vvvv and L in the second byte; C4: R, X, B and the map.
                let two = [0xc5, second & !3 | last, opcode, modrm];
                check_head(&two, &mut random, &mut known);
                let third = random.next().to_le_bytes()[0] & !3 | last;
                // Now and then no register in vvvv.
                let third = if modrm & 1 == 0 { third | 0x78 } else { third };
                let map = second & !31 | (second % 3 + 1);
                check_head(&[0xc4, map, third, opcode, modrm], &mut random, &mut known);
            }
        }
    }
    assert!(known > 1000, "{known}");
}

/// What `decode_run` declines is only slower, so nothing above notices.
#[test]
fn what_is_common_is_not_declined() {
    let common: [&[u8]; 10] = [
        &[0x66, 0x89, 0xc8],             // mov ax, cx
        &[0x66, 0x41, 0x89, 0xc8],       // mov r8w, cx
        &[0x64, 0x48, 0x8b, 0x01],       // mov rax, fs:[rcx]
        &[0x66, 0x0f, 0xef, 0xc0],       // pxor xmm0, xmm0
        &[0x0f, 0xa3, 0xc8],             // bt eax, ecx
        &[0xc4, 0xe2, 0xf9, 0xf7, 0xcb], // shlx rcx, rbx, rax
        &[0xc4, 0xe2, 0xfa, 0xf7, 0xcb], // sarx rcx, rbx, rax
        &[0xc4, 0xe2, 0xfb, 0xf7, 0xcb], // shrx rcx, rbx, rax
        &[0xc4, 0xe2, 0xf8, 0xf2, 0xcb], // andn rcx, rax, rbx
        &[0xc5, 0xfc, 0x28, 0xc1],       // vmovaps ymm0, ymm1
    ];
    for head in common {
        let mut bytes = [0x90; LOOKS_AT];
        bytes[..head.len()].copy_from_slice(head);
        assert!(decoded(&bytes, 0x1000).is_some(), "{head:02x?}");
    }
}

fn check_head(head: &[u8], random: &mut Random, known: &mut u32) {
    let mut bytes = random.bytes();
    bytes[..head.len()].copy_from_slice(head);
    *known += u32::from(decoded(&bytes, 0x1000).is_some());
    check(&bytes, 0x1000);
}

#[test]
fn random_bytes_as_quick() {
    let mut random = Random(2);
    for _ in 0..2_000_000 / EVERY {
        let ip = random.next();
        check(&random.bytes(), ip);
    }
}

/// The instructions at both ends of what can be encoded are the same, or declined.
#[test]
fn immediates_at_their_bounds_as_quick() {
    for fill in [0, 0x7f, 0x80, 0xff] {
        for opcode in 0..=0xff {
            for modrm in 0..=0xff {
                for rex in [0x40, 0x48] {
                    let mut bytes = [fill; LOOKS_AT];
                    bytes[..3].copy_from_slice(&[rex, opcode, modrm]);
                    check(&bytes, 0);
                    check(&bytes, u64::MAX - 3);
                }
            }
        }
    }
}

/// Next to nothing of a compiled program that `quick` knows is left to it: of this test's own code
/// NOPs with several 66, for alignment.
#[cfg(target_arch = "x86_64")]
#[test]
fn declines_little_of_a_program() {
    let file = std::fs::read("/proc/self/exe").unwrap();
    let elf = goblin::elf::Elf::parse(&file).unwrap();
    let text = elf.section_headers.iter();
    let text = text.max_by_key(|s| if s.is_executable() { s.sh_size } else { 0 });
    let code = &file[text.unwrap().file_range().unwrap()];
    let mut decoder = Decoder::with_ip(64, code, 0x1000, decoder_options());
    let (mut known, mut declined) = (0, 0);
    let mut insn = Instruction::default();
    while let Some(bytes) = code[decoder.position()..].first_chunk() {
        decoder.decode_out(&mut insn);
        if quick(&insn).is_some() {
            known += 1;
            if decoded(bytes, insn.ip()).is_none() {
                declined += 1;
            }
        }
    }
    assert!(known > 100_000);
    assert!(declined * 200 < known, "{declined} of {known}");
}
