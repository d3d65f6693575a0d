//! An assembler: instructions are appended as words, distances are filled in at the end. There are two
//! sections, hot and cold; the cold one ends up behind the hot one.
//!
//! Conditional branches reach 4 KiB either way; one that turns out too far becomes the inverted branch
//! around a `jal`, which moves everything behind it. So whoever remembers offsets translates them
//! with `Finished::offset` afterwards.

use super::fields::{Imm12, Off21, Shamt};
use super::reg::Xreg;

/// A place in the code, perhaps not yet known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(u32);

/// Why code could not be finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AsmError {
    /// A label was used and never bound.
    #[error("a label was never bound")]
    Unbound,
    /// The code is longer than jumps reach.
    #[error("code is too long for its jumps")]
    TooFar,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The word is a conditional branch.
    Branch,
    /// The word is a `jal`.
    Jump,
    /// The word and the next are `auipc` and an I-format instruction.
    PcRel,
}

#[derive(Clone, Copy, Debug)]
struct Fixup {
    /// Index of the word.
    at: usize,
    label: Label,
    kind: Kind,
}

/// A bit of word positions: in the cold section.
const COLD: usize = 1 << 28;

/// Code under construction.
#[derive(Default, Debug)]
pub struct Assembler {
    words: Vec<u32>,
    /// The words of the section that is not being written.
    other: Vec<u32>,
    cold: bool,
    labels: Vec<Option<usize>>,
    fixups: Vec<Fixup>,
}

/// Finished code.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The words.
    pub words: &'a [u32],
    /// Words in the hot section.
    hot: usize,
    /// Indices of words that got one more word behind them.
    grown: Vec<usize>,
}

/// The index in all code of the word at `position`.
const fn flat(position: usize, hot: usize) -> usize {
    if position & COLD == 0 {
        position
    } else {
        (position & !COLD) + hot
    }
}

impl Finished<'_> {
    /// Where a place that was at byte `offset` while assembling is now.
    #[must_use]
    pub fn offset(&self, offset: usize) -> usize {
        let offset = 4 * flat(offset / 4, self.hot);
        offset + 4 * self.grown.partition_point(|g| *g * 4 < offset)
    }

    /// The code as bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        crate::sys::cast::bytes_of(self.words).to_vec()
    }
}

impl Assembler {
    /// Empty code.
    #[must_use]
    pub fn new() -> Assembler {
        Assembler::default()
    }

    /// Begins anew, in the memory it has.
    pub fn clear(&mut self) {
        self.words.clear();
        self.other.clear();
        self.cold = false;
        self.labels.clear();
        self.fixups.clear();
    }

    /// Appends a word.
    #[inline]
    pub fn word(&mut self, word: u32) {
        self.words.push(word);
    }

    /// Replaces word number `i` of the section being written by the instruction that `emit` appends.
    pub fn rewrite(&mut self, i: usize, emit: impl FnOnce(&mut Self)) {
        emit(self);
        if let Some(word) = self.words.pop() {
            self.words[i] = word;
        }
    }

    /// The offset of the next word, in bytes; see `Finished::offset`.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.position() * 4
    }

    fn position(&self) -> usize {
        self.words.len() | if self.cold { COLD } else { 0 }
    }

    /// Goes on in the cold section, or back in the hot one.
    pub fn section(&mut self, cold: bool) {
        if self.cold != cold {
            self.cold = cold;
            std::mem::swap(&mut self.words, &mut self.other);
        }
    }

    /// A label not bound yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(u32::try_from(self.labels.len() - 1).expect("code is bounded"))
    }

    /// Binds `label` to the next word.
    pub fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = Some(self.position());
    }

    fn fixup(&mut self, label: Label, kind: Kind) {
        self.fixups.push(Fixup {
            at: self.position(),
            label,
            kind,
        });
    }

    /// `beq`
    pub fn beq_to(&mut self, a: Xreg, b: Xreg, to: Label) {
        self.fixup(to, Kind::Branch);
        self.beq(a, b, Imm12::ZERO);
    }

    /// `bne`
    pub fn bne_to(&mut self, a: Xreg, b: Xreg, to: Label) {
        self.fixup(to, Kind::Branch);
        self.bne(a, b, Imm12::ZERO);
    }

    /// `blt`
    pub fn blt_to(&mut self, a: Xreg, b: Xreg, to: Label) {
        self.fixup(to, Kind::Branch);
        self.blt(a, b, Imm12::ZERO);
    }

    /// `bge`
    pub fn bge_to(&mut self, a: Xreg, b: Xreg, to: Label) {
        self.fixup(to, Kind::Branch);
        self.bge(a, b, Imm12::ZERO);
    }

    /// `bltu`
    pub fn bltu_to(&mut self, a: Xreg, b: Xreg, to: Label) {
        self.fixup(to, Kind::Branch);
        self.bltu(a, b, Imm12::ZERO);
    }

    /// `bgeu`
    pub fn bgeu_to(&mut self, a: Xreg, b: Xreg, to: Label) {
        self.fixup(to, Kind::Branch);
        self.bgeu(a, b, Imm12::ZERO);
    }

    /// `jal rd, to`
    pub fn jal_to(&mut self, rd: Xreg, to: Label) {
        self.fixup(to, Kind::Jump);
        self.word(0x6f | rd.bits() << 7);
    }

    /// The address of `to`: `auipc`, `addi`.
    pub fn la(&mut self, rd: Xreg, to: Label) {
        self.fixup(to, Kind::PcRel);
        self.auipc(rd, 0);
        self.addi(rd, rd, Imm12::ZERO);
    }

    /// The word at `from`: `auipc`, `ld`.
    pub fn ld_from(&mut self, rd: Xreg, from: Label) {
        self.fixup(from, Kind::PcRel);
        self.auipc(rd, 0);
        self.ld(rd, Imm12::ZERO, rd);
    }

    /// `addi rd, rs, 0`
    pub fn mv(&mut self, rd: Xreg, rs: Xreg) {
        self.addi(rd, rs, Imm12::ZERO);
    }

    /// The shortest sequence of base instructions that makes `v`.
    pub fn li(&mut self, rd: Xreg, v: u64) {
        let s = v.cast_signed();
        if let Some(i) = Imm12::new(s) {
            return self.addi(rd, Xreg::ZERO, i);
        }
        let low = Imm12::low(s);
        let rest = s.wrapping_sub(low.get());
        if i32::try_from(s).is_ok() {
            // The upper 20 bits wrap at 2^31, which `addiw` undoes.
            self.lui(rd, u32::try_from(rest >> 12 & 0xf_ffff).unwrap_or(0));
            if low.get() != 0 {
                self.addiw(rd, rd, low);
            }
            return;
        }
        // 2^32 - 1 and its kind: ones at the bottom, made from -1.
        let zeros = v.leading_zeros();
        if v.trailing_ones() == 64 - zeros {
            self.addi(rd, Xreg::ZERO, Imm12::of(-1));
            return self.srli(rd, rd, Shamt::new(zeros.into()));
        }
        let shift = rest.trailing_zeros();
        self.li(rd, (rest >> shift).cast_unsigned());
        self.slli(rd, rd, Shamt::new(shift.into()));
        if low.get() != 0 {
            self.addi(rd, rd, low);
        }
    }

    /// How many instructions `li` takes.
    #[must_use]
    pub fn li_length(v: u64) -> usize {
        let s = v.cast_signed();
        if Imm12::new(s).is_some() {
            return 1;
        }
        let low = Imm12::low(s);
        let rest = s.wrapping_sub(low.get());
        if i32::try_from(s).is_ok() {
            return 1 + usize::from(low.get() != 0);
        }
        if v.trailing_ones() == 64 - v.leading_zeros() {
            return 2;
        }
        let upper = (rest >> rest.trailing_zeros()).cast_unsigned();
        Assembler::li_length(upper) + 1 + usize::from(low.get() != 0)
    }

    /// Fills in the distances of short code in one section, where it is: offsets stay what they were.
    ///
    /// # Errors
    /// If a label is not bound, or a branch or jump does not reach.
    pub fn resolve(&mut self) -> Result<(), AsmError> {
        debug_assert!(!self.cold && self.other.is_empty(), "one section");
        for f in self.fixups.drain(..) {
            let to = self.labels[f.label.0 as usize].ok_or(AsmError::Unbound)?;
            let d = distance(f.at, to);
            match f.kind {
                Kind::Branch => {
                    let half = Imm12::new(d / 2).ok_or(AsmError::TooFar)?;
                    self.words[f.at] |= branch_distance(half);
                }
                Kind::Jump => {
                    self.words[f.at] |= Off21::new(d).ok_or(AsmError::TooFar)?.bits();
                }
                Kind::PcRel => {
                    let (high, low) = halves(d)?;
                    self.words[f.at] |= high;
                    self.words[f.at + 1] |= low;
                }
            }
        }
        Ok(())
    }

    /// The words written so far, of the section being written.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Fills in all distances.
    ///
    /// # Errors
    /// If a label is not bound or a jump does not reach.
    pub fn finish(&mut self) -> Result<Finished<'_>, AsmError> {
        self.section(false);
        let hot = self.words.len();
        self.words.append(&mut self.other);
        for at in self.labels.iter_mut().flatten() {
            *at = flat(*at, hot);
        }
        for f in &mut self.fixups {
            f.at = flat(f.at, hot);
        }
        let grown = self.far_branches()?;
        let Assembler {
            words,
            labels,
            fixups,
            ..
        } = self;
        if !grown.is_empty() {
            *words = with_room(words, &grown);
        }
        for f in &*fixups {
            let to = place(&grown, target(labels, f)?);
            let mut at = place(&grown, f.at);
            let long = grown.binary_search(&f.at).is_ok();
            at += usize::from(long);
            let d = distance(at, to);
            match f.kind {
                Kind::Branch if !long => {
                    let half = Imm12::new(d / 2).ok_or(AsmError::TooFar)?;
                    words[at] |= branch_distance(half);
                }
                Kind::Branch | Kind::Jump => {
                    words[at] |= Off21::new(d).ok_or(AsmError::TooFar)?.bits()
                }
                Kind::PcRel => {
                    let (high, low) = halves(d)?;
                    words[at] |= high;
                    words[at + 1] |= low;
                }
            }
        }
        Ok(Finished { words, hot, grown })
    }

    /// The branches that do not reach, as word indices, sorted: these get one more word.
    fn far_branches(&self) -> Result<Vec<usize>, AsmError> {
        // Branches only ever grow, so this ends.
        let mut grown: Vec<usize> = Vec::new();
        loop {
            let mut more = Vec::new();
            for f in &self.fixups {
                let to = place(&grown, target(&self.labels, f)?);
                let at = place(&grown, f.at);
                let far = distance(at, to) / 2;
                if matches!(f.kind, Kind::Branch)
                    && Imm12::new(far).is_none()
                    && grown.binary_search(&f.at).is_err()
                {
                    more.push(f.at);
                }
            }
            if more.is_empty() {
                return Ok(grown);
            }
            grown.extend(more);
            grown.sort_unstable();
        }
    }
}

/// The index of the word `f` refers to.
fn target(labels: &[Option<usize>], f: &Fixup) -> Result<usize, AsmError> {
    labels[f.label.0 as usize].ok_or(AsmError::Unbound)
}

/// Where word `i` is when those of `grown` have one more behind them.
fn place(grown: &[usize], i: usize) -> usize {
    i + grown.partition_point(|g| *g < i)
}

/// `words` with those of `grown`, which are branches, inverted around a `jal`.
fn with_room(words: &[u32], grown: &[usize]) -> Vec<u32> {
    let mut out = Vec::with_capacity(words.len() + grown.len());
    let mut next = grown.iter().peekable();
    for (i, w) in words.iter().enumerate() {
        if next.next_if_eq(&&i).is_some() {
            // Bit 12 inverts a branch's condition; it skips the `jal`.
            out.push(w ^ 1 << 12 | 8 << 7);
            out.push(0x6f);
        } else {
            out.push(*w);
        }
    }
    out
}

/// The immediate of a B-type instruction: `half` two-byte steps (unprivileged ISA, 2.3).
fn branch_distance(half: Imm12) -> u32 {
    let h = half.bits();
    (h >> 11 & 1) << 31 | (h >> 4 & 0x3f) << 25 | (h & 0xf) << 8 | (h >> 10 & 1) << 7
}

/// The immediates of an `auipc` and the I-format instruction behind it that go `d` bytes.
fn halves(d: i64) -> Result<(u32, u32), AsmError> {
    let low = Imm12::low(d);
    let high = i32::try_from(d - low.get()).map_err(|_| AsmError::TooFar)?;
    Ok((high.cast_unsigned() & 0xffff_f000, low.bits() << 20))
}

/// From word `at` to word `to`, in bytes.
fn distance(at: usize, to: usize) -> i64 {
    let byte = |i: usize| i64::try_from(i * 4).unwrap_or(i64::MAX);
    byte(to) - byte(at)
}

#[cfg(test)]
mod tests {
    use super::super::disassemble;
    use super::*;

    /// Runs the instructions `li` uses.
    fn evaluate(words: &[u32]) -> u64 {
        let mut r: i64 = 0;
        for w in words {
            let text = disassemble(*w).unwrap();
            let (name, rest) = text.split_once(' ').unwrap();
            let last = rest.rsplit(", ").next().unwrap();
            let n = last.strip_prefix("0x").map_or_else(
                || last.parse().unwrap(),
                |h| i64::from_str_radix(h, 16).unwrap(),
            );
            let from_zero = rest.contains("zero");
            r = match name {
                "lui" => n << 44 >> 32,
                "addi" => (if from_zero { 0 } else { r }).wrapping_add(n),
                "addiw" => r.wrapping_add(n) << 32 >> 32,
                "slli" => r << n,
                "srli" => (r.cast_unsigned() >> n).cast_signed(),
                other => panic!("{other}"),
            };
        }
        r.cast_unsigned()
    }

    #[test]
    fn the_length_of_li_is_what_it_emits() {
        for shift in 0..64 {
            for low in [
                0,
                1,
                0x7ff,
                0x800,
                0xfff,
                0x1234_5678,
                0x8000_0000,
                u64::MAX,
            ] {
                for v in [low << shift, !(low << shift), (low << shift) | 5] {
                    let mut a = Assembler::new();
                    a.li(Xreg::T0, v);
                    assert_eq!(a.words.len(), Assembler::li_length(v), "{v:#x}");
                }
            }
        }
    }

    #[test]
    fn a_branch_distance_is_what_beq_encodes() {
        for d in [-2048, -1025, -16, -1, 0, 1, 15, 16, 31, 1023, 1024, 2047] {
            let half = Imm12::of(d);
            let mut a = Assembler::new();
            a.beq(Xreg::ZERO, Xreg::ZERO, half);
            assert_eq!(a.words[0] & 0xfe00_0f80, branch_distance(half), "{d}");
        }
    }

    #[test]
    fn li_makes_every_kind_of_constant() {
        let mut values = vec![
            0,
            1,
            u64::MAX,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x7fff_f800,
            0x7fff_ffff_ffff_ffff,
        ];
        for bit in 0..64 {
            for d in [0u64, 1, 0x7ff, 0x800, 0xfff, 0x1234_5678_9abc_def1] {
                values.push((1 << bit) + d % (1 << bit));
                values.push((1u64 << bit).wrapping_sub(d));
            }
        }
        for v in values {
            let mut a = Assembler::new();
            a.li(Xreg::T0, v);
            assert_eq!(evaluate(&a.words), v, "{v:#x}");
            assert!(a.words.len() <= 8, "{v:#x}");
        }
    }

    #[test]
    fn a_far_branch_is_inverted_around_a_jump() {
        for (n, grown) in [(1023, 0), (1024, 1)] {
            let mut a = Assembler::new();
            let (l, back) = (a.label(), a.label());
            a.bind(back);
            a.beq_to(Xreg::T0, Xreg::T1, l);
            for _ in 0..n - 1 {
                a.addi(Xreg::T0, Xreg::T0, Imm12::of(1));
            }
            a.bind(l);
            let end = a.offset();
            a.jal_to(Xreg::ZERO, back);
            let f = a.finish().unwrap();
            assert_eq!(f.words.len(), n + 1 + grown);
            assert_eq!(f.offset(end), end + 4 * grown);
            let first = disassemble(f.words[0]).unwrap();
            let jump = disassemble(f.words[n + grown]).unwrap();
            if grown == 0 {
                assert_eq!(first, "beq t0, t1, .+4092");
                assert_eq!(jump, "jal zero, .-4092");
            } else {
                assert_eq!(first, "bne t0, t1, .+8");
                assert_eq!(disassemble(f.words[1]).unwrap(), "jal zero, .+4096");
                assert_eq!(jump, "jal zero, .-4100");
            }
        }
    }

    #[test]
    fn addresses_are_relative_to_their_auipc() {
        let mut a = Assembler::new();
        let l = a.label();
        a.la(Xreg::T0, l);
        for _ in 0..600 {
            a.ebreak();
        }
        a.bind(l);
        let f = a.finish().unwrap();
        // 602 words are 0x968: rounds up to one page, less 0x698.
        assert_eq!(disassemble(f.words[0]).unwrap(), "auipc t0, 0x1");
        assert_eq!(disassemble(f.words[1]).unwrap(), "addi t0, t0, -1688");
    }
}
