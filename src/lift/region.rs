//! From an address to a region: follow the control flow, then lift block by block.

use super::addr_map::AddrMap;
use super::cx::{Cx, RegionBuilder};
use super::table;
use crate::ir::{Block, BlockId, Inst, Op, Region, Target, Term};
use crate::x86::cpuid;
use crate::x86::{Fault, GuestAddr, MemFault, Trap, Width};
use iced_x86::CpuidFeature;
use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, FlowControl, Instruction, Mnemonic};
use std::sync::OnceLock;

/// The longest an instruction may be; longer ones raise #GP (SDM vol. 2, 2.3.11).
pub const MAX_INSN: usize = 15;

/// Where instruction bytes come from.
pub trait Fetch {
    /// Copies executable bytes at `addr` into `buf` and says how many there are before the first that
    /// cannot be fetched.
    ///
    /// # Errors
    /// The page fault, if not even the first byte can be fetched.
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault>;
}

/// Bounds on a region, which bound all later work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Guest instructions.
    pub insns: usize,
    /// How far from the entry code may lie, in bytes.
    pub span: u64,
    /// Whether return sites of calls and targets of jumps are followed; without, a region is one
    /// straight run of instructions up to the first branch.
    pub follow: bool,
    /// Whether backward jumps pass a safepoint. Without, whoever runs the region looks at the poll word
    /// between regions.
    pub polls: bool,
    /// Whether it is for a CPU with TF set: TF may be set, and REP instructions end after each element.
    pub steps: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            insns: 192,
            span: 1 << 16,
            follow: true,
            polls: true,
            steps: false,
        }
    }
}

/// What encodings mean on this CPU: without BMI1 and LZCNT, the REP prefix of TZCNT and LZCNT is ignored
/// and they are BSF and BSR (SDM vol. 2, TZCNT). Compilers rely on it.
pub(super) fn decoder_options() -> u32 {
    static OPTIONS: OnceLock<u32> = OnceLock::new();
    *OPTIONS.get_or_init(|| {
        let unless = |f, option| if cpuid::implements(f) { 0 } else { option };
        DecoderOptions::NONE
            | unless(CpuidFeature::BMI1, DecoderOptions::NO_MPFX_0FBC)
            | unless(CpuidFeature::LZCNT, DecoderOptions::NO_MPFX_0FBD)
    })
}

/// Decodes one instruction.
///
/// # Errors
/// #PF on the byte that cannot be fetched, #GP if it is longer than 15 bytes, #UD if there is no such
/// instruction.
pub fn decode(fetch: &dyn Fetch, addr: GuestAddr) -> Result<Instruction, Fault> {
    let mut buf = [0; MAX_INSN];
    let n = fetch.fetch(addr, &mut buf).map_err(Fault::Page)?;
    let mut decoder = Decoder::with_ip(64, &buf[..n], addr.0, decoder_options());
    let insn = decoder.decode();
    match decoder.last_error() {
        DecoderError::None => Ok(insn),
        DecoderError::NoMoreBytes if n < MAX_INSN => {
            let at = addr.offset(i64::try_from(n).unwrap_or(0));
            match fetch.fetch(at, &mut buf) {
                Err(fault) => Err(Fault::Page(fault)),
                // The page appeared meanwhile.
                Ok(_) => Err(Fault::InvalidOpcode),
            }
        }
        DecoderError::NoMoreBytes => Err(Fault::GeneralProtection),
        _ => Err(Fault::InvalidOpcode),
    }
}

/// Translates the code at `entry` to unoptimised IR.
///
/// # Errors
/// The page fault, if the first instruction cannot be fetched. Later ones end the region with an exit
/// to themselves; undefined ones trap when they are reached.
pub fn translate(fetch: &dyn Fetch, entry: GuestAddr, limits: Limits) -> Result<Region, Fault> {
    Lifter::default().translate(fetch, entry, limits, &|_| true)
}

/// How many bytes are fetched at once.
const WINDOW: usize = 64;

/// Marks of an instruction that was found.
mod mark {
    /// A block begins here.
    pub const LEADER: u8 = 1;
    /// A return site.
    pub const ENTRY: u8 = 2;
    /// The target of a backward jump.
    pub const LOOP: u8 = 4;
    /// No instruction: raises #UD when it is reached.
    pub const UNDEFINED: u8 = 8;
    /// No instruction: raises #GP when it is reached.
    pub const TOO_LONG: u8 = 16;
    /// The next instruction of the list does not follow this one.
    pub const LAST: u8 = 32;
}

/// Makes regions. One can be used for any number of them: it keeps its memory.
#[derive(Debug, Default)]
pub struct Lifter {
    /// Straight runs of instructions, one behind the other.
    insns: Vec<Instruction>,
    /// `mark`s, by instruction.
    marks: Vec<u8>,
    /// Positions in `insns`, by address.
    index: AddrMap,
    /// Where to look next.
    work: Vec<GuestAddr>,
    /// Marks for addresses that may not have been reached yet.
    pending: Vec<(GuestAddr, u8)>,
    /// Where blocks begin: address, and position in `insns`.
    starts: Vec<(GuestAddr, usize)>,
    /// The straight runs, as addresses.
    runs: Vec<(u64, u64)>,
    /// Memory for a region's `source`.
    source: Vec<(GuestAddr, u32)>,
    out: RegionBuilder,
}

impl Lifter {
    /// Translates the code at `entry` to unoptimised IR; of what jumps and calls lead to, only what
    /// `known` says is worth it.
    ///
    /// # Errors
    /// As `translate`.
    pub fn translate(
        &mut self,
        fetch: &dyn Fetch,
        entry: GuestAddr,
        limits: Limits,
        known: &dyn Fn(GuestAddr) -> bool,
    ) -> Result<Region, Fault> {
        self.discover(fetch, entry, limits, known)?;
        let mut starts = std::mem::take(&mut self.starts);
        starts.clear();
        for (i, m) in self.marks.iter().enumerate() {
            if m & mark::LEADER != 0 {
                starts.push((GuestAddr(self.insns[i].ip()), i));
            }
        }
        // The entry first, then by address.
        starts.sort_unstable_by_key(|(a, _)| (*a != entry, *a));
        self.out.reset(limits.polls);
        self.out.steps = limits.steps;
        for (addr, _) in &starts {
            let id = self.out.add_block(*addr);
            self.out.by_addr.insert(*addr, id.0);
        }
        for (n, (addr, at)) in starts.iter().enumerate() {
            let id = BlockId(u32::try_from(n).expect("regions are bounded"));
            self.out.blocks[n].entry = *addr == entry || self.marks[*at] & mark::ENTRY != 0;
            self.lift_block(id, *at);
        }
        self.starts = starts;
        Ok(Region {
            blocks: std::mem::take(&mut self.out.blocks),
            pool: std::mem::take(&mut self.out.pool),
            source: self.source(),
            guest_insns: u32::try_from(self.insns.len()).unwrap_or(u32::MAX),
        })
    }

    /// Takes the memory of a region that is needed no longer.
    pub fn recycle(&mut self, region: Region) {
        self.out.recycle(region.blocks);
        self.out.pool = region.pool;
        self.source = region.source;
    }

    /// Takes memory for the instructions of blocks.
    pub fn reuse(&mut self, spare: impl Iterator<Item = Vec<Inst>>) {
        self.out.reuse(spare);
    }

    /// Reads the instruction at `addr`, of which `bytes` have been fetched. Gives how many bytes it was
    /// made from, and the instruction; `None` if there is none, but an exception. `lift_one` is about it.
    ///
    /// # Errors
    /// As `translate`.
    pub fn read_one(
        &mut self,
        fetch: &dyn Fetch,
        addr: GuestAddr,
        bytes: &[u8],
    ) -> Result<(usize, Option<&Instruction>), Fault> {
        self.insns.clear();
        self.marks.clear();
        let mut made = Decoder::try_with_ip(64, bytes, addr.0, decoder_options());
        let Ok(decoder) = &mut made else {
            return Err(Fault::InvalidOpcode);
        };
        let m = self.read(fetch, addr, decoder)?;
        self.marks.push(m | mark::LAST);
        let real = m == 0;
        Ok((self.len_of(0), real.then(|| &self.insns[0])))
    }

    /// Translates the instruction read: its blocks, the first of which is the entry, and its constants.
    pub fn lift_one(&mut self) -> (&[Block], &[[u8; 16]]) {
        self.out.reset(false);
        self.out.steps = false;
        let addr = GuestAddr(self.insns[0].ip());
        let id = self.out.add_block(addr);
        self.lift_block(id, 0);
        (&self.out.blocks, &self.out.pool)
    }

    fn len_of(&self, i: usize) -> usize {
        if self.marks[i] & (mark::UNDEFINED | mark::TOO_LONG) != 0 {
            // The bytes that decide are at most this many.
            MAX_INSN
        } else {
            self.insns[i].len()
        }
    }

    /// The bytes all this was made from.
    fn source(&mut self) -> Vec<(GuestAddr, u32)> {
        let mut runs = std::mem::take(&mut self.runs);
        runs.clear();
        let mut start = None;
        for (i, m) in self.marks.iter().enumerate() {
            let from = *start.get_or_insert(i);
            if m & mark::LAST != 0 {
                let end = self.insns[i].ip().wrapping_add(self.len_of(i) as u64);
                runs.push((self.insns[from].ip(), end));
                start = None;
            }
        }
        runs.sort_unstable();
        let mut source = std::mem::take(&mut self.source);
        source.clear();
        let mut runs_left = runs.iter().copied().peekable();
        while let Some((start, mut end)) = runs_left.next() {
            while let Some((_, e)) = runs_left.next_if(|next| next.0 <= end) {
                end = end.max(e);
            }
            let len = u32::try_from(end.wrapping_sub(start)).unwrap_or(0);
            source.push((GuestAddr(start), len));
        }
        self.runs = runs;
        source
    }

    fn discover(
        &mut self,
        fetch: &dyn Fetch,
        entry: GuestAddr,
        limits: Limits,
        known: &dyn Fn(GuestAddr) -> bool,
    ) -> Result<(), Fault> {
        self.insns.clear();
        self.marks.clear();
        self.index.clear();
        self.work.clear();
        self.pending.clear();
        self.pending.push((entry, mark::LEADER));
        self.straight(fetch, entry, entry, limits, known)?;
        let mut next = 0;
        // First come, first served: near code gets into the region before far code.
        while let Some(start) = self.work.get(next).copied() {
            next += 1;
            if self.insns.len() >= limits.insns {
                break;
            }
            // A fault ends the region with an exit there.
            let _ = self.straight(fetch, start, entry, limits, known);
        }
        if !limits.follow {
            // One run has one leader, and needs no index to find it.
            self.marks[0] |= mark::LEADER;
            return Ok(());
        }
        // Leaders that were not reached within the limits become exits.
        for (addr, m) in &self.pending {
            if let Some(i) = self.index.get(*addr) {
                self.marks[i as usize] |= m;
            }
        }
        Ok(())
    }

    /// Finds the instructions from `start` to where they end, or run into known ones.
    fn straight(
        &mut self,
        fetch: &dyn Fetch,
        start: GuestAddr,
        entry: GuestAddr,
        limits: Limits,
        known: &dyn Fn(GuestAddr) -> bool,
    ) -> Result<(), Fault> {
        let first = self.insns.len();
        let r = self.straight_on(fetch, start, entry, limits, known);
        if self.insns.len() > first {
            let last = self.insns.len() - 1;
            self.marks[last] |= mark::LAST;
        } else {
            r?;
        }
        Ok(())
    }

    fn straight_on(
        &mut self,
        fetch: &dyn Fetch,
        start: GuestAddr,
        entry: GuestAddr,
        limits: Limits,
        known: &dyn Fn(GuestAddr) -> bool,
    ) -> Result<(), Fault> {
        let mut buf = [0; WINDOW];
        let mut addr = start;
        // Until the window is used up.
        loop {
            let n = fetch.fetch(addr, &mut buf).map_err(Fault::Page)?;
            // Used where it is: moving it takes longer than decoding two instructions.
            let mut made = Decoder::try_with_ip(64, &buf[..n], addr.0, decoder_options());
            let Ok(decoder) = &mut made else {
                return Err(Fault::InvalidOpcode);
            };
            loop {
                if self.insns.len() >= limits.insns {
                    return Ok(());
                }
                if limits.follow && self.index.get(addr).is_some() {
                    // Ran into known code: it must be a block of its own.
                    if addr != start {
                        self.pending.push((addr, mark::LEADER));
                    }
                    return Ok(());
                }
                if n == WINDOW && decoder.position() + MAX_INSN > n {
                    break;
                }
                let i = self.insns.len();
                let m = self.read(fetch, addr, decoder)?;
                if m != 0 {
                    self.found(addr, m, limits.follow);
                    return Ok(());
                }
                self.found(addr, 0, limits.follow);
                let next = GuestAddr(self.insns[i].next_ip());
                if !self.goes_on(i, entry, limits, known) {
                    return Ok(());
                }
                let moved = decoder.ip() != next.0;
                addr = next;
                if moved {
                    // Decoded again, and something else was there.
                    break;
                }
            }
        }
    }

    /// Reads the instruction at `addr`, the next one of `decoder`; gives the mark of one that is none.
    fn read(
        &mut self,
        fetch: &dyn Fetch,
        addr: GuestAddr,
        decoder: &mut Decoder<'_>,
    ) -> Result<u8, Fault> {
        // In place: copying one costs as much as decoding it.
        let i = self.insns.len();
        self.insns.push(Instruction::default());
        decoder.decode_out(&mut self.insns[i]);
        if decoder.last_error() == DecoderError::None {
            return Ok(0);
        }
        // Once more, to be told why.
        match decode(fetch, addr) {
            Ok(again) => {
                self.insns[i] = again;
                Ok(0)
            }
            Err(Fault::Page(fault)) => {
                self.insns.pop();
                Err(Fault::Page(fault))
            }
            Err(fault) => {
                self.insns[i].set_ip(addr.0);
                let gp = fault == Fault::GeneralProtection;
                Ok(if gp { mark::TOO_LONG } else { mark::UNDEFINED })
            }
        }
    }

    /// Takes note of the last instruction.
    fn found(&mut self, addr: GuestAddr, m: u8, index: bool) {
        if index {
            let i = u32::try_from(self.marks.len()).expect("regions are bounded");
            self.index.insert(addr, i);
        }
        self.marks.push(m);
    }

    /// True if control may go on behind instruction `i` in the same run. Takes note of where else it may
    /// go.
    fn goes_on(
        &mut self,
        i: usize,
        entry: GuestAddr,
        limits: Limits,
        known: &dyn Fn(GuestAddr) -> bool,
    ) -> bool {
        let insn = &self.insns[i];
        let next = GuestAddr(insn.next_ip());
        let flow = insn.flow_control();
        if flow == FlowControl::Next || !limits.follow {
            return goes_straight_on(insn);
        }
        match flow {
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                let to = GuestAddr(insn.near_branch_target());
                if to.0.abs_diff(entry.0) < limits.span && to.is_canonical() && known(to) {
                    let back = to.0 <= insn.ip();
                    let m = if back {
                        mark::LEADER | mark::LOOP
                    } else {
                        mark::LEADER
                    };
                    self.pending.push((to, m));
                    self.work.push(to);
                }
                if flow == FlowControl::ConditionalBranch && known(next) {
                    self.pending.push((next, mark::LEADER));
                    return true;
                }
            }
            FlowControl::Call | FlowControl::IndirectCall
                if insn.mnemonic() == Mnemonic::Call && known(next) =>
            {
                self.pending.push((next, mark::LEADER | mark::ENTRY));
                self.work.push(next);
            }
            _ => {}
        }
        false
    }

    /// Lifts the block that begins with instruction `at` into block `id`.
    fn lift_block(&mut self, id: BlockId, at: usize) {
        let Lifter {
            insns, marks, out, ..
        } = self;
        let mut block = id;
        let mut i = at;
        out.begin(block);
        if marks[i] & mark::LOOP != 0 {
            let mut poll = Inst::new(Op::Poll, Width::W64);
            poll.imm = insns[i].ip();
            out.insts.push(poll);
        }
        loop {
            let insn = &insns[i];
            if marks[i] & (mark::UNDEFINED | mark::TOO_LONG) != 0 {
                let gp = marks[i] & mark::TOO_LONG != 0;
                let trap = if gp {
                    Trap::GeneralProtection
                } else {
                    Trap::InvalidOpcode
                };
                let rip = GuestAddr(insn.ip());
                return out.finish(block, Term::Trap { trap, rip });
            }
            let checkpoint = (out.blocks.len(), out.insts.len());
            let mut cx = Cx::new(insn, out, block);
            cx.mark();
            let lifted = match table::row_of(insn.code()) {
                Some(row) if row.family.has_mmx_forms() => super::sse::mmx::lift(&mut cx, row.lift),
                Some(row) => (row.lift)(&mut cx),
                None => Err(super::cx::Unsupported),
            };
            let (ended, end_block) = (cx.ended, cx.block);
            if lifted.is_err() {
                // Nothing of a half-lifted instruction may stay.
                if end_block != block {
                    out.begin_again(block);
                }
                out.blocks.truncate(checkpoint.0);
                out.insts.truncate(checkpoint.1);
                let trap = Trap::InvalidOpcode;
                let rip = GuestAddr(insn.ip());
                return out.finish(block, Term::Trap { trap, rip });
            }
            if ended {
                return;
            }
            block = end_block;
            let next = GuestAddr(insn.next_ip());
            if marks[i] & mark::LAST != 0 || marks[i + 1] & mark::LEADER != 0 {
                let to = if ends_region(insn) {
                    Target::Exit(next)
                } else {
                    out.target(next)
                };
                return out.finish(block, Term::Jump(to));
            }
            i += 1;
        }
    }
}

/// Instructions after which the engine must look again: they change what translation depends on.
fn ends_region(insn: &Instruction) -> bool {
    matches!(
        insn.mnemonic(),
        Mnemonic::Ldmxcsr
            | Mnemonic::Vldmxcsr
            | Mnemonic::Fxrstor
            | Mnemonic::Fxrstor64
            | Mnemonic::Xrstor
            | Mnemonic::Xrstor64
    )
}

/// True if a straight run goes on behind `insn`.
#[must_use]
pub fn goes_straight_on(insn: &Instruction) -> bool {
    insn.flow_control() == FlowControl::Next && !ends_region(insn)
}

/// Address, name and bytes of an instruction felix does not implement, for the log; `None` for one that
/// raises #UD by its nature (UD2).
#[must_use]
pub fn describe(fetch: &dyn Fetch, addr: GuestAddr) -> Option<String> {
    let mut buf = [0; MAX_INSN];
    let n = fetch.fetch(addr, &mut buf).unwrap_or(0);
    let (name, len) = match decode(fetch, addr) {
        Ok(insn) if table::supported(insn.code()) => return None,
        Ok(insn) if insn.code() != Code::INVALID => (format!("{:?}", insn.mnemonic()), insn.len()),
        _ => ("no such instruction".to_owned(), n),
    };
    let bytes: Vec<String> = buf[..len].iter().map(|b| format!("{b:02x}")).collect();
    Some(format!("{addr}: {name}: {}", bytes.join(" ")))
}
