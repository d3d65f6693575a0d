//! Helpers with memory operands.

use super::MemOperand;
use crate::sys::guest;
use crate::x86::fxsave::{self, Form};
use crate::x86::vsib::{Gather, Masked};
use crate::x86::xsave::{self, Format};
use crate::x86::{CpuState, Fault, Gpr, GuestAddr, MemFault, Width, x87env};

/// Bytes from one page boundary to the next.
const PAGE: u64 = 4096;

/// FXSAVE's and FXRSTOR's second argument.
pub(super) fn form(b: u64) -> Form {
    if b == 1 { Form::Wide } else { Form::Narrow }
}

/// #GP unless `at` is a multiple of 16.
fn aligned(at: GuestAddr) -> Result<(), Fault> {
    if at.0.is_multiple_of(16) {
        Ok(())
    } else {
        Err(Fault::GeneralProtection)
    }
}

/// CMPXCHG16B; ZF. Always atomic: with LOCK or without.
pub(super) fn cmpxchg16b(cpu: &mut CpuState, m: MemOperand) -> Result<u64, Fault> {
    aligned(m.at)?;
    let old = [cpu.reg(Gpr::RAX), cpu.reg(Gpr::RDX)];
    let new = [cpu.reg(Gpr::RBX), cpu.reg(Gpr::RCX)];
    let found = guest::cas_u128(m.at, old, new).map_err(|f| m.fault(f))?;
    if found != old {
        cpu.set_reg(Gpr::RAX, found[0]);
        cpu.set_reg(Gpr::RDX, found[1]);
    }
    Ok(u64::from(found == old))
}

/// What FXSAVE and FXRSTOR check first: #SS comes before #GP for alignment, unlike in other instructions.
fn image_address(m: MemOperand) -> Result<(), Fault> {
    if m.stack && !m.at.is_canonical() {
        return Err(Fault::StackFault);
    }
    aligned(m.at)
}

/// FXSAVE and FXSAVE64.
pub(super) fn fxsave(cpu: &CpuState, m: MemOperand, form: Form) -> Result<(), Fault> {
    image_address(m)?;
    let image = fxsave::store_form(cpu, form);
    // All 512 bytes must be writable, though the last 48 are not written.
    let last = m.at.offset(fxsave::SIZE.cast_signed() as i64 - 1);
    guest::cas_u8(last, 0, 0).map_err(|f| m.fault(f))?;
    guest::write_whole(m.at, &image[..fxsave::WRITTEN]).map_err(|f| m.fault(f))
}

/// FXRSTOR and FXRSTOR64.
pub(super) fn fxrstor(cpu: &mut CpuState, m: MemOperand, form: Form) -> Result<(), Fault> {
    image_address(m)?;
    // CPUs look at the last byte first, which shows in the fault address.
    guest::read_u8(m.at.offset(fxsave::SIZE.cast_signed() as i64 - 1)).map_err(|f| m.fault(f))?;
    let mut image = [0; fxsave::SIZE];
    guest::read_bytes(m.at, &mut image).map_err(|f| m.fault(f))?;
    if fxsave::load_form(cpu, &image, form) {
        Ok(())
    } else {
        Err(Fault::GeneralProtection)
    }
}

/// #GP unless `m` is a multiple of 64.
fn area_address(m: MemOperand) -> Result<(), Fault> {
    if m.stack && !m.at.is_canonical() {
        return Err(Fault::StackFault);
    }
    if m.at.0.is_multiple_of(64) {
        Ok(())
    } else {
        Err(Fault::GeneralProtection)
    }
}

/// What `b` says about pointers.
fn area_form(b: u64) -> Form {
    form(u64::from(b & 4 != 0))
}

/// XSAVE, XSAVEOPT and XSAVEC.
pub(super) fn xsave(cpu: &CpuState, m: MemOperand, b: u64, mask: u64) -> Result<(), Fault> {
    area_address(m)?;
    let format = match b & 3 {
        0 => Format::Standard,
        1 => Format::Optimized,
        _ => Format::Compacted,
    };
    let mask = mask & xsave::xcr0();
    let size = xsave::size(mask);
    guest::probe_write(m.at, size as u64).map_err(|f| m.fault(f))?;
    let mut area = [0; xsave::SIZE];
    guest::read_bytes(m.at, &mut area[..size]).map_err(|f| m.fault(f))?;
    let old = area;
    xsave::store(cpu, &mut area, mask, format, area_form(b));
    // Bytes that belong to nothing that is stored are not written: others may use them.
    for (i, (new, old)) in area[..size].chunks(8).zip(old.chunks(8)).enumerate() {
        if new != old {
            let at = m.at.offset(8 * i.cast_signed() as i64);
            guest::write_whole(at, new).map_err(|f| m.fault(f))?;
        }
    }
    Ok(())
}

/// XRSTOR
pub(super) fn xrstor(cpu: &mut CpuState, m: MemOperand, b: u64, mask: u64) -> Result<(), Fault> {
    area_address(m)?;
    let mask = mask & xsave::xcr0();
    let mut area = [0; xsave::SIZE];
    guest::read_bytes(m.at, &mut area[..xsave::size(mask)]).map_err(|f| m.fault(f))?;
    if xsave::load(cpu, &area, mask, area_form(b)) {
        Ok(())
    } else {
        Err(Fault::GeneralProtection)
    }
}

/// FNSTENV: stores, then masks all exceptions.
pub(super) fn fnstenv(cpu: &mut CpuState, m: MemOperand, wide: bool) -> Result<(), Fault> {
    let image = cpu.x87.environment(wide);
    let size = if wide {
        x87env::SIZE_32
    } else {
        x87env::SIZE_16
    };
    guest::write_whole(m.at, &image[..size]).map_err(|f| m.fault(f))?;
    cpu.x87.load_control(cpu.x87.fcw | 0x3f);
    Ok(())
}

/// FLDENV.
pub(super) fn fldenv(cpu: &mut CpuState, m: MemOperand, wide: bool) -> Result<(), Fault> {
    let mut image = [0; x87env::SIZE_32];
    let size = if wide {
        x87env::SIZE_32
    } else {
        x87env::SIZE_16
    };
    guest::read_bytes(m.at, &mut image[..size]).map_err(|f| m.fault(f))?;
    cpu.x87.load_environment(wide, &image);
    Ok(())
}

/// Size of the environment, and of the registers that FNSAVE stores behind it.
fn saved_size(wide: bool) -> (usize, usize) {
    let size = if wide {
        x87env::SIZE_32
    } else {
        x87env::SIZE_16
    };
    (size, 80)
}

/// FNSAVE: the environment and ST(0) to ST(7), then FNINIT.
pub(super) fn fnsave(cpu: &mut CpuState, m: MemOperand, wide: bool) -> Result<(), Fault> {
    let (env, registers) = saved_size(wide);
    let mut image = [0; x87env::SIZE_32 + 80];
    image[..env].copy_from_slice(&cpu.x87.environment(wide)[..env]);
    for (i, place) in image[env..env + registers].chunks_exact_mut(10).enumerate() {
        let [low, high] = cpu.x87.r[fxsave::physical(cpu.x87.fsw, i)];
        place[..8].copy_from_slice(&low.to_le_bytes());
        place[8..].copy_from_slice(&high.to_le_bytes()[..2]);
    }
    guest::write_whole(m.at, &image[..env + registers]).map_err(|f| m.fault(f))?;
    cpu.x87.init();
    Ok(())
}

/// FRSTOR
#[allow(clippy::cast_possible_truncation)] // The halves of 128 bits.
pub(super) fn frstor(cpu: &mut CpuState, m: MemOperand, wide: bool) -> Result<(), Fault> {
    let (env, registers) = saved_size(wide);
    let mut image = [0; x87env::SIZE_32 + 80];
    guest::read_bytes(m.at, &mut image[..env + registers]).map_err(|f| m.fault(f))?;
    let mut environment = [0; x87env::SIZE_32];
    environment[..env].copy_from_slice(&image[..env]);
    cpu.x87.load_environment(wide, &environment);
    for (i, place) in image[env..env + registers].chunks_exact(10).enumerate() {
        let mut register = [0; 16];
        register[..10].copy_from_slice(place);
        let v = u128::from_le_bytes(register);
        cpu.x87.r[fxsave::physical(cpu.x87.fsw, i)] = [v as u64, (v >> 64) as u64];
    }
    Ok(())
}

/// MASKMOVDQU; MASKMOVQ with registers from 16 on, whose upper halves are not selected. Bytes that are not selected are not accessed at all (the manual leaves open whether
/// they may fault); if a selected one faults, none is stored.
pub(super) fn maskmovdqu(
    cpu: &CpuState,
    m: MemOperand,
    source: u64,
    mask: u64,
) -> Result<(), Fault> {
    let register = |n: u64| {
        let i = usize::try_from(n & 15).unwrap_or(0);
        let v = if n & 16 == 0 {
            cpu.xmm(i)
        } else {
            cpu.x87.r[i & 7][0].into()
        };
        v.to_le_bytes()
    };
    let (source, mask) = (register(source), register(mask));
    let selected = || (0u8..16).filter(|i| mask[usize::from(*i)] & 0x80 != 0);
    let place = |i: u8| m.at.offset(i.into());
    // One selected byte in each page tells whether its page can be written: exchanging a byte for
    // itself writes nothing new.
    let mut probed = None;
    for i in selected() {
        let page = place(i).0 / PAGE;
        if probed != Some(page) {
            guest::cas_u8(place(i), 0, 0).map_err(|f| m.fault(f))?;
            probed = Some(page);
        }
    }
    for i in selected() {
        guest::write_u8(place(i), source[usize::from(i)]).map_err(|f| m.fault(f))?;
    }
    Ok(())
}

/// A masked move. Elements that are not selected are not accessed; if a selected one faults, nothing is
/// done.
pub(super) fn maskmov(
    cpu: &mut CpuState,
    m: MemOperand,
    which: Masked,
    segment: u64,
) -> Result<(), Fault> {
    let mask = cpu.ymm[usize::from(which.mask)];
    let size = if which.quad { 8 } else { 4 };
    let count = if which.wide { 32 } else { 16 } / size;
    let selected = (0..count).filter(|i| element(&mask, *i, size) >> (8 * size - 1) & 1 != 0);
    let place = |i: usize| linear(m.at.0.wrapping_add((i * size) as u64), which.short, segment);
    let register = usize::from(which.register);
    if which.store {
        let v = cpu.ymm[register];
        for i in selected.clone() {
            guest::probe_write(place(i), size as u64).map_err(|f| m.fault(f))?;
        }
        for i in selected {
            let bytes = element(&v, i, size).to_le_bytes();
            guest::write_whole(place(i), &bytes[..size]).map_err(|f| m.fault(f))?;
        }
        return Ok(());
    }
    let mut v = [0; 4];
    for i in selected {
        set_element(
            &mut v,
            i,
            size,
            load(place(i), size).map_err(|f| m.fault(f))?,
        );
    }
    cpu.ymm[register] = v;
    Ok(())
}

/// A gather: elements are loaded from the lowest on, and each one's mask is cleared when it is there, so
/// that the instruction can be begun again after a fault. Masks that do not select are cleared by the way,
/// as the AMD EPYC does; the manual first makes all of them zeros or ones.
pub(super) fn gather(
    cpu: &mut CpuState,
    m: MemOperand,
    which: Gather,
    segment: u64,
) -> Result<(), Fault> {
    let (register, mask) = (usize::from(which.register), usize::from(which.mask));
    let index = cpu.ymm[usize::from(which.index)];
    let size = if which.quad { 8 } else { 4 };
    for i in 0..which.elements() {
        if element(&cpu.ymm[mask], i, size) >> (8 * size - 1) & 1 == 0 {
            set_element(&mut cpu.ymm[mask], i, size, 0);
            continue;
        }
        let offset = if which.quad_index {
            element(&index, i, 8)
        } else {
            Width::W32.sext(element(&index, i, 4)).cast_unsigned()
        };
        let at = m.at.0.wrapping_add(offset << which.scale);
        let at = linear(at, which.short, segment);
        let v = load(at, size).map_err(|f| m.fault(f))?;
        set_element(&mut cpu.ymm[register], i, size, v);
        set_element(&mut cpu.ymm[mask], i, size, 0);
    }
    // What lies above the elements becomes zero.
    let words = which.elements() * size / 8;
    cpu.ymm[register][words..].fill(0);
    cpu.ymm[mask] = [0; 4];
    Ok(())
}

/// The address of an element.
fn linear(effective: u64, short: bool, segment: u64) -> GuestAddr {
    let effective = if short {
        effective & 0xffff_ffff
    } else {
        effective
    };
    GuestAddr(effective.wrapping_add(segment))
}

/// Element `i` of `size` bytes, 4 or 8.
fn element(v: &[u64; 4], i: usize, size: usize) -> u64 {
    if size == 8 {
        v[i & 3]
    } else {
        v[(i / 2) & 3] >> (32 * (i % 2)) & 0xffff_ffff
    }
}

fn set_element(v: &mut [u64; 4], i: usize, size: usize, to: u64) {
    if size == 8 {
        v[i & 3] = to;
    } else {
        let (word, shift) = (&mut v[(i / 2) & 3], 32 * (i % 2));
        *word = *word & !(0xffff_ffff << shift) | (to & 0xffff_ffff) << shift;
    }
}

/// Loads 4 or 8 bytes.
fn load(at: GuestAddr, size: usize) -> Result<u64, MemFault> {
    if size == 8 {
        guest::read_u64(at)
    } else {
        guest::read_u32(at).map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Helper;
    use crate::sys::fault;
    use crate::x86::MemFaultKind;

    fn call(helper: Helper, cpu: &mut CpuState, a: u64, b: u64, c: u64) -> Result<u64, Fault> {
        super::super::call(helper, cpu, [a, b, c], false)
    }

    #[repr(align(16))]
    struct Buffer([u8; 528]);

    impl Buffer {
        fn at(&mut self) -> u64 {
            self.0.as_mut_ptr() as u64
        }
    }

    #[test]
    fn masked_bytes_are_stored_alone() {
        fault::install().unwrap();
        let mut cpu = CpuState::default();
        cpu.set_xmm(1, 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100);
        cpu.set_xmm(2, 0x80 << 120 | 0x7f00 | 0xff);
        let mut buffer = Buffer([0xee; 528]);
        call(Helper::Maskmovdqu, &mut cpu, buffer.at() + 1, 1, 2).unwrap();
        assert_eq!(buffer.0[1], 0);
        assert_eq!(buffer.0[2], 0xee);
        assert_eq!(buffer.0[16], 15);
        assert_eq!(
            call(Helper::Maskmovdqu, &mut cpu, 0x10, 1, 0),
            Ok(0),
            "nothing selected"
        );
        let Err(Fault::Page(f)) = call(Helper::Maskmovdqu, &mut cpu, 0x10, 1, 2) else {
            panic!()
        };
        assert!(f.write && f.kind == MemFaultKind::NotMapped);
        assert_eq!(
            call(Helper::Maskmovdqu, &mut cpu, 1 << 62, 1, 2),
            Err(Fault::GeneralProtection),
            "not canonical"
        );
    }

    #[test]
    fn operands_through_ss_raise_stack_faults() {
        fault::install().unwrap();
        let mut cpu = CpuState::default();
        let helpers = [
            Helper::Cmpxchg16b,
            Helper::Fxsave,
            Helper::Fxrstor,
            Helper::Fnstenv,
            Helper::Fldenv,
            Helper::Fnsave,
            Helper::Frstor,
        ];
        let mut through = |h, at, stack| super::super::call(h, &mut cpu, [at, 0, 0], stack);
        for h in helpers {
            assert_eq!(through(h, 1 << 62, true), Err(Fault::StackFault), "{h:?}");
            assert_eq!(
                through(h, 1 << 62, false),
                Err(Fault::GeneralProtection),
                "{h:?}"
            );
            assert!(
                matches!(through(h, 0x10, true), Err(Fault::Page(_))),
                "{h:?}"
            );
        }
        let mut misaligned = |h| through(h, (1 << 62) + 8, true);
        assert_eq!(misaligned(Helper::Fxsave), Err(Fault::StackFault));
        assert_eq!(
            misaligned(Helper::Cmpxchg16b),
            Err(Fault::GeneralProtection)
        );
    }

    #[test]
    fn state_saved_is_restored_and_misalignment_is_refused() {
        fault::install().unwrap();
        let mut buffer = Buffer([0xee; 528]);
        let mut cpu = CpuState::default();
        cpu.set_xmm(7, 42);
        cpu.mxcsr = 0x9fc0;
        let at = buffer.at();
        assert_eq!(
            call(Helper::Fxsave, &mut cpu, at + 8, 1, 0),
            Err(Fault::GeneralProtection)
        );
        call(Helper::Fxsave, &mut cpu, at, 1, 0).unwrap();
        assert_eq!(buffer.0[416], 0xee, "the reserved part is not written");
        let mut back = CpuState::default();
        call(Helper::Fxrstor, &mut back, at, 1, 0).unwrap();
        assert_eq!((back.xmm(7), back.mxcsr), (42, 0x9fc0));
        assert_eq!(
            call(Helper::Ldmxcsr, &mut back, 1 << 16, 0, 0),
            Err(Fault::GeneralProtection)
        );
    }

    #[test]
    fn sixteen_bytes_are_exchanged_or_loaded() {
        fault::install().unwrap();
        let mut buffer = Buffer([0; 528]);
        let mut cpu = CpuState::default();
        cpu.set_reg(Gpr::RBX, 5);
        cpu.set_reg(Gpr::RCX, 6);
        let at = buffer.at();
        assert_eq!(call(Helper::Cmpxchg16b, &mut cpu, at, 1, 0), Ok(1));
        assert_eq!((buffer.0[0], buffer.0[8]), (5, 6));
        assert_eq!(call(Helper::Cmpxchg16b, &mut cpu, at, 1, 0), Ok(0));
        assert_eq!((cpu.reg(Gpr::RAX), cpu.reg(Gpr::RDX)), (5, 6));
        assert_eq!(
            call(Helper::Cmpxchg16b, &mut cpu, at + 8, 1, 0),
            Err(Fault::GeneralProtection)
        );
    }

    #[test]
    fn storing_the_x87_environment_masks_exceptions() {
        fault::install().unwrap();
        let mut buffer = Buffer([0xee; 528]);
        let mut cpu = CpuState::default();
        call(Helper::Fldcw, &mut cpu, 0x340, 0, 0).unwrap();
        let at = buffer.at();
        call(Helper::Fnstenv, &mut cpu, at, 0, 0).unwrap();
        assert_eq!(call(Helper::Fnstcw, &mut cpu, 0, 0, 0), Ok(0x37f));
        assert_eq!((buffer.0[0], buffer.0[28]), (0x40, 0xee));
        // An exception flag that is unmasked is pending for the next waiting instruction.
        guest::write_u8(GuestAddr(at + 4), 1).unwrap();
        call(Helper::Fldenv, &mut cpu, at, 0, 0).unwrap();
        assert_eq!(call(Helper::Fwait, &mut cpu, 0, 0, 0), Err(Fault::X87));
        call(Helper::Fnclex, &mut cpu, 0, 0, 0).unwrap();
        assert_eq!(call(Helper::Fwait, &mut cpu, 0, 0, 0), Ok(0));
    }

    #[test]
    fn the_x87_state_is_saved_and_restored_in_stack_order() {
        fault::install().unwrap();
        let mut cpu = CpuState::default();
        cpu.x87.fsw = 3 << 11 | 0x4100;
        cpu.x87.fcw = 0x27f;
        cpu.x87.ftw = 0b1000;
        cpu.x87.r = std::array::from_fn(|i| [i as u64 | 1 << 63, 0x3fff]);
        let before = cpu.x87;
        for (short, size) in [(0, 108), (1, 94)] {
            let mut buffer = Buffer([0xee; 528]);
            let at = buffer.at();
            call(Helper::Fnsave, &mut cpu, at, short, 0).unwrap();
            assert_eq!((cpu.x87.fcw, cpu.x87.fsw, cpu.x87.ftw), (0x37f, 0, 0));
            assert_eq!(buffer.0[size - 80], 3, "ST(0)");
            assert_eq!(buffer.0[size], 0xee);
            cpu.x87.r = Default::default();
            call(Helper::Frstor, &mut cpu, at, short, 0).unwrap();
            assert_eq!(cpu.x87, before);
        }
    }
}
