//! Cases by definition: what the manual says, with exactly known results.

use super::*;
use crate::sys::fault;
use X87Place::{Dest, I16, I32, I64, M32, M64, M80, Source};

/// 80 bits: sign and exponent, significand.
type Bits = (u16, u64);

const ONE: Bits = (0x3fff, 1 << 63);
const TWO: Bits = (0x4000, 1 << 63);
const THREE: Bits = (0x4000, 3 << 62);
const INFINITY: Bits = (0x7fff, 1 << 63);
const INDEFINITE: Bits = (0xffff, 3 << 62);

/// The operand at this address, through DS.
fn data(at: u64) -> MemOperand {
    MemOperand {
        at: GuestAddr(at),
        stack: false,
    }
}

struct Machine(X87);

impl Machine {
    /// ST(0), ST(1), ... are these; TOP is 0.
    fn new(fcw: u16, st: &[Bits]) -> Machine {
        let mut x = X87 {
            fcw: fcw | 0x40,
            ..X87::default()
        };
        for (r, (se, m)) in x.r.iter_mut().zip(st) {
            *r = [*m, (*se).into()];
        }
        x.ftw = (1 << st.len()) - 1;
        Machine(x)
    }

    fn run(
        &mut self,
        op: X87Op,
        place: X87Place,
        pops: u8,
        at: u64,
        value: u64,
    ) -> Result<u64, Fault> {
        let word = X87Word {
            op,
            place,
            index: 1,
            pops,
            ip: GuestAddr(0x40_0000),
        };
        execute(&mut self.0, word.encode(), data(at), value)
    }

    fn st(&self, i: usize) -> Bits {
        let [m, se] = self.0.r[(usize::from(self.0.fsw >> 11) + i) & 7];
        (u16::try_from(se).unwrap(), m)
    }

    fn flags(&self) -> u16 {
        self.0.fsw & 0xff
    }
}

/// ST(0) op ST(1), or op ST(0): the result and the status word's low byte and C1.
fn compute(fcw: u16, op: X87Op, st: &[Bits]) -> (Bits, u16) {
    let mut m = Machine::new(fcw, st);
    m.run(op, Source, 0, 0, 0).unwrap();
    (m.st(0), m.0.fsw & 0x2ff)
}

#[test]
fn a_third_in_every_rounding_and_precision() {
    let third = |fcw| compute(fcw, X87Op::Div, &[ONE, THREE]);
    assert_eq!(third(0x37f), ((0x3ffd, 0xaaaa_aaaa_aaaa_aaab), 0x220));
    assert_eq!(third(0x77f), ((0x3ffd, 0xaaaa_aaaa_aaaa_aaaa), 0x20));
    assert_eq!(third(0xb7f), ((0x3ffd, 0xaaaa_aaaa_aaaa_aaab), 0x220));
    assert_eq!(third(0xf7f), ((0x3ffd, 0xaaaa_aaaa_aaaa_aaaa), 0x20));
    assert_eq!(third(0x27f), ((0x3ffd, 0xaaaa_aaaa_aaaa_a800), 0x20));
    assert_eq!(third(0x07f), ((0x3ffd, 0xaaaa_ab00_0000_0000), 0x220));
}

#[test]
fn overflow_and_underflow_masked_and_not() {
    let big: Bits = (0x7ffe, 3 << 62);
    assert_eq!(compute(0x37f, X87Op::Mul, &[big, TWO]), (INFINITY, 0x228));
    let (max, flags) = compute(0xf7f, X87Op::Mul, &[big, TWO]);
    assert_eq!((max, flags), ((0x7ffe, u64::MAX), 0x28));
    // Unmasked: the exponent is 24576 too small, and #MF waits for the next instruction.
    let mut m = Machine::new(0x377, &[big, TWO]);
    m.run(X87Op::Mul, Source, 0, 0, 0).unwrap();
    assert_eq!((m.st(0), m.flags()), ((0x7fff - 0x6000, 3 << 62), 0x88));
    assert_eq!(m.run(X87Op::Abs, Source, 0, 0, 0), Err(Fault::X87));
    // An exact denormal is no underflow when masked.
    let least: Bits = (1, 1 << 63);
    let (r, flags) = compute(0x37f, X87Op::Div, &[least, TWO]);
    assert_eq!((r, flags), ((0, 1 << 62), 0));
    let (r, flags) = compute(0x37f, X87Op::Div, &[least, THREE]);
    assert_eq!((r, flags), ((0, 0x2aaa_aaaa_aaaa_aaab), 0x230));
}

#[test]
fn special_operands() {
    let (qnan, snan) = ((0x7fff, 3 << 62 | 5), (0xffff, 1 << 63 | 9));
    assert_eq!(compute(0x37f, X87Op::Add, &[snan, qnan]), (qnan, 1));
    assert_eq!(
        compute(0x37f, X87Op::Add, &[snan, ONE]),
        ((0xffff, 3 << 62 | 9), 1)
    );
    let unnormal = (0x4000, 1);
    assert_eq!(
        compute(0x37f, X87Op::Add, &[unnormal, ONE]),
        (INDEFINITE, 1)
    );
    assert_eq!(
        compute(0x37f, X87Op::Sub, &[INFINITY, INFINITY]),
        (INDEFINITE, 1)
    );
    assert_eq!(
        compute(0x37f, X87Op::Div, &[ONE, (0x8000, 0)]),
        ((0xffff, 1 << 63), 4)
    );
    assert_eq!(
        compute(0x37f, X87Op::Sqrt, &[(0xbfff, 1 << 63)]),
        (INDEFINITE, 1)
    );
    // A pseudo-denormal is worth the least normal number, and a denormal exception.
    let pseudo = (0, 1 << 63);
    assert_eq!(
        compute(0x37f, X87Op::Add, &[pseudo, (0, 0)]),
        ((1, 1 << 63), 2)
    );
}

#[test]
fn stack_faults() {
    // Underflow: IE and SF, C1 clear; the masked response is the indefinite.
    assert_eq!(compute(0x37f, X87Op::Add, &[ONE]), (INDEFINITE, 0x41));
    let mut m = Machine::new(0x37f, &[ONE; 8]);
    m.run(X87Op::Ld, M64, 0, 0, 1.5f64.to_bits()).unwrap();
    assert_eq!((m.st(0), m.0.fsw), (INDEFINITE, 7 << 11 | 0x241));
    // Unmasked, nothing moves.
    let mut m = Machine::new(0x37e, &[ONE; 8]);
    m.run(X87Op::Ld, M64, 0, 0, 1.5f64.to_bits()).unwrap();
    assert_eq!((m.st(0), m.0.fsw), (ONE, 0x82c1));
}

#[test]
fn every_integer_comes_back() {
    fault::install().unwrap();
    let mut out = [0u8; 16];
    let at = out.as_mut_ptr() as u64;
    for v in [0, 1, -1, i64::MAX, i64::MIN, 0x7fff_ffff_ffff_fc01] {
        let mut m = Machine::new(0x37f, &[]);
        m.run(X87Op::Ld, I64, 0, 0, v.cast_unsigned()).unwrap();
        m.run(X87Op::St, I64, 1, at, 0).unwrap();
        assert_eq!(guest::read_u64(GuestAddr(at)).unwrap().cast_signed(), v);
        assert_eq!((m.0.fsw, m.0.ftw), (0, 0));
    }
    let store = |v: f64, place| {
        guest::write_u64(GuestAddr(at), 0).unwrap();
        let mut m = Machine::new(0x37f, &[]);
        m.run(X87Op::Ld, M64, 0, 0, v.to_bits()).unwrap();
        m.run(X87Op::St, place, 1, at, 0).unwrap();
        (guest::read_u64(GuestAddr(at)).unwrap(), m.flags())
    };
    assert_eq!(store(2.5, I32), (2, 0x20));
    assert_eq!(store(-32768.0, I16), (0x8000, 0));
    assert_eq!(store(32768.0, I16), (0x8000, 1));
    assert_eq!(store(f64::NAN, I32), (0x8000_0000, 1));
    assert_eq!(store(-3.5, M32), (u64::from((-3.5f32).to_bits()), 0));
}

#[test]
fn decimals_come_back() {
    fault::install().unwrap();
    let mut out = [0x98u8, 0x76, 0x54, 0x32, 0x10, 0x98, 0x76, 0x54, 0x32, 0x80];
    let at = out.as_mut_ptr() as u64;
    let mut m = Machine::new(0x37f, &[]);
    m.run(X87Op::Bld, M80, 0, at, 0).unwrap();
    m.run(X87Op::Chs, Source, 0, 0, 0).unwrap();
    m.run(X87Op::Bst, M80, 1, at, 0).unwrap();
    let mut back = [0; 10];
    guest::read_bytes(GuestAddr(at), &mut back).unwrap();
    assert_eq!(
        back,
        [0x98, 0x76, 0x54, 0x32, 0x10, 0x98, 0x76, 0x54, 0x32, 0]
    );
    assert_eq!(out.len(), 10);
}

#[test]
fn a_store_that_faults_changes_nothing() {
    fault::install().unwrap();
    let mut m = Machine::new(0x37f, &[THREE]);
    m.0.fsw = 0x4200;
    let before = m.0;
    assert!(matches!(m.run(X87Op::St, M32, 1, 0x10, 0), Err(Fault::Page(f)) if f.write));
    assert_eq!(m.0, before);
    // An unmasked exception keeps it from storing at all, but the operand must be writable.
    let mut m = Machine::new(0x37e, &[]);
    assert!(m.run(X87Op::St, M80, 1, 0x10, 0).is_err());
    let mut kept = [7u8; 10];
    let at = kept.as_mut_ptr() as u64;
    let mut m = Machine::new(0x37e, &[]);
    m.run(X87Op::St, M80, 1, at, 0).unwrap();
    let mut back = [0; 10];
    guest::read_bytes(GuestAddr(at), &mut back).unwrap();
    assert_eq!(back, [7; 10]);
    assert_eq!(m.0.fsw, 0x80c1);
    assert_eq!(m.0.fdp, at);
    assert_eq!(kept.len(), 10);
}

#[test]
fn comparisons() {
    use crate::x86::Rflags;
    let codes = |op, st: &[Bits]| {
        let mut m = Machine::new(0x37f, st);
        let flags = m.run(op, Source, 0, 0, 0).unwrap();
        (m.0.fsw, flags)
    };
    let qnan = (0x7fff, 3 << 62);
    assert_eq!(codes(X87Op::Com, &[ONE, TWO]).0, C0);
    assert_eq!(codes(X87Op::Com, &[(0x8000, 0), (0, 0)]).0, C3);
    assert_eq!(codes(X87Op::Com, &[qnan, ONE]).0, C3 | C2 | C0 | 1);
    assert_eq!(codes(X87Op::Ucom, &[qnan, ONE]).0, C3 | C2 | C0);
    assert_eq!(codes(X87Op::Comi, &[TWO, ONE]), (0, 0));
    assert_eq!(codes(X87Op::Ucomi, &[ONE, ONE]), (0, Rflags::ZF));
    assert_eq!(codes(X87Op::Xam, &[(0xffff, 1 << 63)]).0, C2 | C1 | C0);
    assert_eq!(codes(X87Op::Xam, &[]).0, C3 | C0);
}

#[test]
fn remainders_tell_the_quotient() {
    let remainder = |op, a: f64, b: f64| {
        let mut m = Machine::new(0x37f, &[]);
        for v in [b, a] {
            m.run(X87Op::Ld, M64, 0, 0, v.to_bits()).unwrap();
        }
        m.run(op, Source, 0, 0, 0).unwrap();
        (m.st(0), m.0.fsw & (C0 | C1 | C2 | C3))
    };
    // 17 = 3 * 5 + 2 = 4 * 5 - 3 -> nearest 3
    assert_eq!(remainder(X87Op::Prem, 17.0, 5.0), (TWO, C3 | C1));
    assert_eq!(remainder(X87Op::Prem1, 18.0, 5.0), ((0xc000, 1 << 63), C0));
    // Half a divisor: the even quotient.
    assert_eq!(remainder(X87Op::Prem1, 1.0, 2.0), (ONE, 0));
    assert_eq!(remainder(X87Op::Prem1, 3.0, 2.0), ((0xbfff, 1 << 63), C3));
    // Too far apart for one step.
    assert_eq!(remainder(X87Op::Prem, 2f64.powi(100), 3.0).1, C2);
}

#[test]
fn constants_follow_rounding_control() {
    let pi = |fcw| {
        let mut m = Machine::new(fcw, &[]);
        let word = X87Word {
            op: X87Op::LdConst,
            place: Source,
            index: 3,
            pops: 0,
            ip: GuestAddr(0),
        };
        execute(&mut m.0, word.encode(), data(0), 0).unwrap();
        m.st(0)
    };
    assert_eq!(pi(0x37f), (0x4000, 0xc90f_daa2_2168_c235));
    assert_eq!(pi(0x77f), (0x4000, 0xc90f_daa2_2168_c234));
}

#[test]
fn transcendental_values() {
    let two = |op, st0, st1| {
        let mut m = Machine::new(0x37f, &[st0, st1]);
        m.run(op, Source, 0, 0, 0).unwrap();
        assert_eq!(m.0.ftw, 2, "one is popped");
        m.st(0)
    };
    // atan(1) = pi/4, ln 3 = ln2 * log2(3), sin 1, cos 1, sqrt(2) - 1.
    assert_eq!(two(X87Op::Patan, ONE, ONE), (0x3ffe, 0xc90f_daa2_2168_c235));
    assert_eq!(
        two(X87Op::Yl2x, THREE, ONE),
        (0x3fff, 0xcae0_0d1c_fdeb_43d0)
    );
    assert_eq!(
        compute(0x37f, X87Op::Sin, &[ONE]).0,
        (0x3ffe, 0xd76a_a478_4867_7021)
    );
    assert_eq!(
        compute(0x37f, X87Op::Cos, &[ONE]).0,
        (0x3ffe, 0x8a51_407d_a834_5c92)
    );
    let half = (0x3ffe, 1 << 63);
    assert_eq!(
        compute(0x37f, X87Op::F2xm1, &[half]).0,
        (0x3ffd, 0xd413_cccf_e779_9211)
    );
    // Too large an angle: C2, and nothing happens.
    let mut m = Machine::new(0x37f, &[(0x403e, 1 << 63)]);
    m.run(X87Op::Sincos, Source, 0, 0, 0).unwrap();
    assert_eq!((m.0.fsw, m.st(0)), (C2, (0x403e, 1 << 63)));
}

#[test]
fn the_last_opcode_is_found_when_an_exception_is_unmasked() {
    fault::install().unwrap();
    // rex.w fdivp st(1), st(0)
    let code = [0x48u8, 0xde, 0xf9];
    let mut m = Machine::new(0x37b, &[(0, 0), ONE]);
    let word = X87Word {
        op: X87Op::Div,
        place: Dest,
        index: 1,
        pops: 1,
        ip: GuestAddr(code.as_ptr() as u64),
    };
    execute(&mut m.0, word.encode(), data(0), 0).unwrap();
    assert_eq!((m.0.fop, m.0.fip), (0x6f9, code.as_ptr() as u64));
    assert_eq!((m.flags(), m.0.ftw), (0x84, 3), "no pop");
}
