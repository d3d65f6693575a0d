//! From an address to a region: follow the control flow, then lift block by block.

use super::cx::{Cx, RegionBuilder};
use super::table;
use crate::ir::{Inst, Op, Region, Target, Term};
use crate::x86::cpuid;
use crate::x86::{Fault, GuestAddr, MemFault, Trap, Width};
use iced_x86::CpuidFeature;
use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, FlowControl, Instruction, Mnemonic};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The longest an instruction may be; longer ones raise #GP (SDM vol. 2, 2.3.11).
pub const MAX_INSN: usize = 15;

/// Where instruction bytes come from.
pub trait Fetch {
    /// Copies up to 15 executable bytes at `addr` into `buf` and says how many there are before the
    /// first that cannot be fetched.
    ///
    /// # Errors
    /// The page fault, if not even the first byte can be fetched.
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8; MAX_INSN]) -> Result<usize, MemFault>;
}

/// Bounds on a region, which bound all later work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Guest instructions.
    pub insns: usize,
    /// How far from the entry code may lie, in bytes.
    pub span: u64,
    /// Whether return sites of calls and targets of jumps are followed; without, a region is one
    /// straight run of instructions.
    pub follow: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            insns: 192,
            span: 1 << 16,
            follow: true,
        }
    }
}

/// What encodings mean on this CPU: without BMI1 and LZCNT, the REP prefix of TZCNT and LZCNT is ignored
/// and they are BSF and BSR (SDM vol. 2, TZCNT). Compilers rely on it.
fn decoder_options() -> u32 {
    let mut options = DecoderOptions::NONE;
    if !cpuid::implements(CpuidFeature::BMI1) {
        options |= DecoderOptions::NO_MPFX_0FBC;
    }
    if !cpuid::implements(CpuidFeature::LZCNT) {
        options |= DecoderOptions::NO_MPFX_0FBD;
    }
    options
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

/// What decoding found at an address.
enum Decoded {
    Insn(Instruction),
    /// #UD or #GP, raised when it is reached.
    Trap(Trap),
}

/// Translates the code at `entry` to unoptimised IR.
///
/// # Errors
/// The page fault, if the first instruction cannot be fetched. Later ones end the region with an exit
/// to themselves; undefined ones trap when they are reached.
pub fn translate(fetch: &dyn Fetch, entry: GuestAddr, limits: Limits) -> Result<Region, Fault> {
    let flow = discover(fetch, entry, limits)?;
    let mut out = RegionBuilder::default();
    // The entry first, then by address.
    let starts: Vec<GuestAddr> = std::iter::once(entry)
        .chain(flow.leaders.iter().copied().filter(|a| *a != entry))
        .collect();
    for addr in &starts {
        let id = out.add_block(*addr);
        out.by_addr.insert(*addr, id);
    }
    for addr in &starts {
        lift_block(&mut out, &flow, *addr);
    }
    for addr in flow.entries.iter().chain([&entry]) {
        let id = out.by_addr[addr];
        out.blocks[id.index()].entry = true;
    }
    Ok(Region {
        blocks: out.blocks,
        pool: out.pool,
        source: flow.source(),
        guest_insns: u32::try_from(flow.code.len()).unwrap_or(u32::MAX),
    })
}

struct Flow {
    code: BTreeMap<GuestAddr, Decoded>,
    leaders: BTreeSet<GuestAddr>,
    /// Return sites.
    entries: BTreeSet<GuestAddr>,
    /// Targets of backward jumps inside the region.
    loops: BTreeSet<GuestAddr>,
}

impl Flow {
    fn source(&self) -> Vec<(GuestAddr, u32)> {
        let mut ranges: Vec<(GuestAddr, u32)> = Vec::new();
        for (addr, d) in &self.code {
            let len = match d {
                Decoded::Insn(i) => i.len(),
                // The bytes that decide are at most this many.
                Decoded::Trap(_) => MAX_INSN,
            };
            let end = addr.0.wrapping_add(len as u64);
            match ranges.last_mut() {
                Some((start, n)) if addr.0 <= start.0 + u64::from(*n) => {
                    *n = u32::try_from(end - start.0).unwrap_or(*n).max(*n);
                }
                _ => ranges.push((*addr, u32::try_from(len).unwrap_or(0))),
            }
        }
        ranges
    }
}

fn discover(fetch: &dyn Fetch, entry: GuestAddr, limits: Limits) -> Result<Flow, Fault> {
    let mut flow = Flow {
        code: BTreeMap::new(),
        leaders: BTreeSet::from([entry]),
        entries: BTreeSet::new(),
        loops: BTreeSet::new(),
    };
    let mut work = VecDeque::from([entry]);
    while let Some(start) = work.pop_front() {
        let mut addr = start;
        while flow.code.len() < limits.insns {
            if flow.code.contains_key(&addr) {
                // Ran into known code: it must be a block of its own.
                if addr != start {
                    flow.leaders.insert(addr);
                }
                break;
            }
            let insn = match decode(fetch, addr) {
                Ok(insn) => insn,
                Err(Fault::Page(fault)) if flow.code.is_empty() => return Err(Fault::Page(fault)),
                Err(Fault::Page(_)) => break,
                Err(fault) => {
                    let gp = fault == Fault::GeneralProtection;
                    let trap = if gp {
                        Trap::GeneralProtection
                    } else {
                        Trap::InvalidOpcode
                    };
                    flow.code.insert(addr, Decoded::Trap(trap));
                    break;
                }
            };
            flow.code.insert(addr, Decoded::Insn(insn));
            let next = GuestAddr(insn.next_ip());
            let mut follow = |flow: &mut Flow, to: GuestAddr| {
                if limits.follow && to.0.abs_diff(entry.0) < limits.span && to.is_canonical() {
                    if to <= addr {
                        flow.loops.insert(to);
                    }
                    flow.leaders.insert(to);
                    work.push_back(to);
                }
            };
            match insn.flow_control() {
                FlowControl::Next => {}
                FlowControl::ConditionalBranch => {
                    follow(&mut flow, GuestAddr(insn.near_branch_target()));
                    if !limits.follow {
                        break;
                    }
                    flow.leaders.insert(next);
                }
                FlowControl::UnconditionalBranch => {
                    follow(&mut flow, GuestAddr(insn.near_branch_target()));
                    break;
                }
                FlowControl::Call | FlowControl::IndirectCall
                    if insn.mnemonic() == Mnemonic::Call =>
                {
                    if limits.follow {
                        flow.leaders.insert(next);
                        flow.entries.insert(next);
                        work.push_back(next);
                    }
                    break;
                }
                _ => break,
            }
            if ends_region(&insn) {
                break;
            }
            addr = next;
        }
    }
    // Leaders that were not reached within the limits become exits.
    flow.leaders.retain(|a| flow.code.contains_key(a));
    flow.entries.retain(|a| flow.code.contains_key(a));
    flow.loops.retain(|a| flow.code.contains_key(a));
    Ok(flow)
}

/// Instructions after which the engine must look again: they change what translation depends on.
fn ends_region(insn: &Instruction) -> bool {
    matches!(
        insn.mnemonic(),
        Mnemonic::Ldmxcsr | Mnemonic::Fxrstor | Mnemonic::Fxrstor64
    )
}

fn lift_block(out: &mut RegionBuilder, flow: &Flow, start: GuestAddr) {
    let mut block = out.by_addr[&start];
    let mut addr = start;
    if flow.loops.contains(&start) {
        let mut poll = Inst::new(Op::Poll, Width::W64);
        poll.imm = start.0;
        out.blocks[block.index()].insts.push(poll);
    }
    loop {
        let here = |out: &RegionBuilder, a: GuestAddr| match out.by_addr.get(&a) {
            Some(b) => Target::Block(*b),
            None => Target::Exit(a),
        };
        let insn = match flow.code.get(&addr) {
            _ if addr != start && flow.leaders.contains(&addr) => {
                out.blocks[block.index()].term = Term::Jump(here(out, addr));
                return;
            }
            Some(Decoded::Insn(insn)) => insn,
            Some(Decoded::Trap(trap)) => {
                out.blocks[block.index()].term = Term::Trap {
                    trap: *trap,
                    rip: addr,
                };
                return;
            }
            None => {
                out.blocks[block.index()].term = Term::Jump(Target::Exit(addr));
                return;
            }
        };
        let checkpoint = (out.blocks.len(), out.blocks[block.index()].insts.len());
        let mut cx = Cx::new(insn, out, block);
        cx.mark();
        let lifted = if table::supported(insn.code()) {
            table::row_for(insn.mnemonic()).map_or(Err(super::cx::Unsupported), |row| {
                super::sse::mmx::lift(&mut cx, row.lift)
            })
        } else {
            Err(super::cx::Unsupported)
        };
        let (ended, end_block) = (cx.ended, cx.block);
        if lifted.is_err() {
            // Nothing of a half-lifted instruction may stay.
            out.blocks.truncate(checkpoint.0);
            let b = &mut out.blocks[block.index()];
            b.insts.truncate(checkpoint.1);
            b.term = Term::Trap {
                trap: Trap::InvalidOpcode,
                rip: addr,
            };
            return;
        }
        if ended {
            return;
        }
        block = end_block;
        addr = GuestAddr(insn.next_ip());
        if ends_region(insn) {
            out.blocks[block.index()].term = Term::Jump(Target::Exit(addr));
            return;
        }
    }
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
