//! Restartable sequences of the guest (rseq(2)): a few instructions, the last of which stores, that begin again elsewhere if the
//! thread loses its CPU or gets a signal on the way.
//!
//! The guest's `struct rseq` is the one that the host's kernel knows of the thread, so the numbers of the CPU in it are right at
//! any moment. The kernel compares the host's program counter with the addresses of the guest's sequence, which it is never in:
//! whatever would restart the sequence makes the kernel forget it (the field `rseq_cs` becomes 0). So felix, which carries a
//! sequence out instruction by instruction, makes each of its stores by a sequence of its own that asks first whether that field
//! has changed (`guest::restartable_store`). Loads come to nothing without a store.
//!
//! Where sequences begin is found as code is fetched: an instruction that takes the address of a `struct rseq_cs` comes before
//! them. There the engines find no code, and leave (`mem::space`, stops).

use crate::mem::space::space;
use crate::sys::guest::{self, RSEQ_SIG};
use crate::sys::{Errno, rseq};
use crate::x86::{GuestAddr, MemFault, Width};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a thread has registered.
#[derive(Clone, Copy, Debug)]
pub struct Rseq {
    /// Address of its `struct rseq`.
    pub area: u64,
    /// The length it said.
    pub len: u64,
}

impl Rseq {
    /// Registers a structure for this thread.
    ///
    /// # Errors
    /// As rseq(2).
    pub fn register(area: u64, len: u64) -> Result<Rseq, Errno> {
        rseq::release_library();
        // Where a page is write-protected that the kernel writes to, it kills.
        space().keep_writable(area);
        let done = rseq::rseq([area, len, 0, RSEQ_SIG.into()]);
        match done {
            Ok(_) => Ok(Rseq { area, len }),
            Err(e) => {
                space().release_writable(area);
                Err(e)
            }
        }
    }

    /// Takes the registration back, before the memory it is about may be given to somebody else.
    pub fn release(self) {
        let sig = u64::from(RSEQ_SIG);
        let _ = rseq::rseq([self.area, self.len, rseq::UNREGISTER, sig]);
        self.released();
    }

    /// Where a thread goes on that gets a signal at `rip` (rseq_signal_deliver in include/linux/rseq.h).
    #[must_use]
    pub fn interrupted(self, rip: u64) -> u64 {
        let named = guest::read_u64(field(self.area)).unwrap_or(0);
        if named == 0 {
            return rip;
        }
        forget(self.area);
        let sequence = Sequence::read(named).filter(|s| s.code.contains(&rip));
        sequence.map_or(rip, |s| s.abort)
    }

    /// Takes note that the kernel knows of it no longer.
    pub fn released(self) {
        space().release_writable(self.area);
    }
}

/// True once a thread of the process, or of the one it was forked from, has registered.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Makes code be looked through from now on; true if it was not before.
pub fn begin() -> bool {
    !IN_USE.swap(true, Ordering::AcqRel)
}

/// The field `rseq_cs` of a `struct rseq` at `area`.
fn field(area: u64) -> GuestAddr {
    GuestAddr(area.wrapping_add(8))
}

/// `struct rseq_cs` (include/uapi/linux/rseq.h).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Where it is described.
    pub at: u64,
    /// Its instructions.
    pub code: Range<u64>,
    /// Where to go if it cannot be finished.
    pub abort: u64,
}

impl Sequence {
    /// What is described at `at`, if that describes a sequence.
    #[must_use]
    pub fn read(at: u64) -> Option<Sequence> {
        let word = |n: u64| guest::read_u64(GuestAddr(at.wrapping_add(8 * n))).ok();
        // The low half is the version.
        let version_and_flags = word(0)?;
        let (start, len, abort) = (word(1)?, word(2)?, word(3)?);
        let code = start..start.checked_add(len)?;
        let good = version_and_flags & 0xffff_ffff == 0 && len != 0 && !code.contains(&abort);
        let sig = GuestAddr(abort.wrapping_sub(4));
        (good && guest::read_u32(sig) == Ok(RSEQ_SIG)).then_some(Sequence { at, code, abort })
    }
}

/// Looks for sequences that code at `addr` is about to begin, and sets a stop at each. How much of the code there is before the
/// first stop.
pub fn look(addr: GuestAddr, code: &[u8]) -> usize {
    if !IN_USE.load(Ordering::Acquire) {
        return code.len();
    }
    for (i, bytes) in code.windows(7).enumerate() {
        // LEA r64, [RIP + disp32] (SDM vol. 2).
        if bytes[1] != 0x8d || bytes[0] & 0xfb != 0x48 || bytes[2] & 0xc7 != 0x05 {
            continue;
        }
        let disp = i32::from_le_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]);
        let next = addr.0.wrapping_add(i as u64 + 7);
        let at = next.wrapping_add_signed(disp.into());
        // The structure is aligned to its size.
        if at % 32 == 0
            && let Some(sequence) = Sequence::read(at)
            && space().stop(sequence.code.start) != Some(at)
        {
            space().set_stop(sequence.code.start, at);
        }
    }
    let len = code.len() as u64;
    usize::try_from(space().before_stop(addr.0, len)).unwrap_or(code.len())
}

/// What a thread is to do where the engine has found no code.
#[derive(Debug)]
pub enum Found {
    /// Run this code by itself: its stores as they are, or only if nothing has come between.
    Run(Sequence, Option<Alone>),
    /// Go on elsewhere: something has come between already.
    Restart(Sequence),
}

/// What keeps a sequence of a thread apart.
#[derive(Debug)]
pub struct Alone {
    /// Its `struct rseq`.
    area: u64,
    /// What `rseq_cs` is as long as nothing has come between.
    named: u64,
}

/// What to do at `rip`, where there is a stop, for a thread with its `struct rseq` at `area`; `None` if the stop was of something
/// that is no more.
#[must_use]
pub fn found(rip: u64, area: Option<u64>) -> Option<Found> {
    let sequence = space().stop(rip).and_then(Sequence::read);
    let sequence = sequence.filter(|s| s.code.start == rip)?;
    let Some(area) = area else {
        return Some(Found::Run(sequence, None));
    };
    match guest::read_u64(field(area)) {
        Ok(at) if at == sequence.at => {
            let alone = Alone { area, named: at };
            Some(Found::Run(sequence, Some(alone)))
        }
        // Set just before, and forgotten since.
        Ok(0) => Some(Found::Restart(sequence)),
        // Another one of those that begin here.
        Ok(at) => match Sequence::read(at).filter(|s| s.code.start == rip) {
            Some(other) => Some(Found::Run(other, Some(Alone { area, named: at }))),
            None => Some(Found::Run(sequence, None)),
        },
        Err(_) => Some(Found::Run(sequence, None)),
    }
}

/// What the kernel does to `rseq_cs` where a sequence is restarted.
pub fn forget(area: u64) {
    let _ = guest::write_u64(field(area), 0);
}

impl Alone {
    /// Lets the field name another sequence, if it still names the last.
    fn name(&mut self, sequence: u64) -> bool {
        let field = field(self.area);
        let good = guest::cas_u64(field, self.named, sequence) == Ok(self.named);
        if good {
            self.named = sequence;
        }
        good
    }

    /// True if nothing has come between.
    #[must_use]
    pub fn holds(&self) -> bool {
        guest::read_u64(field(self.area)) == Ok(self.named)
    }

    /// Stores the low `w` bits of `v` if nothing has come between; says whether it did.
    ///
    /// # Errors
    /// The page fault the guest's store would raise; nothing is stored then.
    pub fn store(&mut self, w: Width, addr: GuestAddr, v: u64) -> Result<bool, MemFault> {
        if !self.name(guest::restartable_sequence(w)) {
            return Ok(false);
        }
        guest::restartable_store(w, addr, v, field(self.area))
    }

    /// Leaves the field as the kernel does, which forgets a sequence that is over when it looks.
    pub fn end(&mut self) {
        self.name(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// A sequence of 5 bytes at 20, behind the instruction at 8 that takes the address of its description at 64; what it aborts
    /// to is at 32.
    #[repr(C, align(64))]
    struct Code([u8; 96]);

    impl Code {
        /// In a place of its own.
        fn new() -> Box<Code> {
            let mut code = Box::new(Code([0x90; 96]));
            let here = code.at();
            code.0[28..32].copy_from_slice(&RSEQ_SIG.to_le_bytes());
            // lea r9, [rip + 49]
            code.0[8..15].copy_from_slice(&[0x4c, 0x8d, 0x0d, 49, 0, 0, 0]);
            let words = [0, here + 20, 5, here + 32];
            for (to, word) in code.0[64..].chunks_exact_mut(8).zip(words) {
                to.copy_from_slice(&u64::to_le_bytes(word));
            }
            code
        }

        fn at(&self) -> u64 {
            self.0.as_ptr().expose_provenance() as u64
        }

        fn look(&self) -> usize {
            look(GuestAddr(self.at()), &self.0[..60])
        }
    }

    #[test]
    fn code_ends_where_a_sequence_begins_whose_address_is_taken_before() {
        begin();
        let mut code = Code::new();
        let here = code.at();
        code.0[28] += 1;
        assert_eq!(code.look(), 60, "without the signature");
        code.0[28] -= 1;
        assert_eq!(code.look(), 20);
        let expected = Sequence {
            at: here + 64,
            code: here + 20..here + 25,
            abort: here + 32,
        };
        assert_eq!(Sequence::read(here + 64), Some(expected.clone()));
        assert!(matches!(found(here + 20, None), Some(Found::Run(s, None)) if s == expected));
        space().remove_stop(here + 20);
    }

    #[test]
    fn a_sequence_that_the_kernel_has_forgotten_is_not_begun() {
        begin();
        let code = Code::new();
        let here = code.at();
        code.look();
        // Changed behind the compiler's back.
        let area = [const { AtomicU64::new(0) }; 4];
        let at = area.as_ptr().expose_provenance() as u64;
        let rip = here + 20;
        assert!(matches!(found(rip, Some(at)), Some(Found::Restart(_))));
        area[1].store(here + 64, Ordering::Relaxed);
        let Some(Found::Run(_, Some(mut alone))) = found(rip, Some(at)) else {
            panic!("not begun");
        };
        let word = AtomicU64::new(1);
        let to = GuestAddr(word.as_ptr().expose_provenance() as u64);
        assert_eq!(alone.store(Width::W64, to, 2), Ok(true));
        assert_eq!(alone.store(Width::W8, to, 3), Ok(true));
        assert!(alone.holds());
        forget(at);
        assert_eq!(alone.store(Width::W64, to, 4), Ok(false));
        assert_eq!((word.into_inner(), alone.holds()), (3, false));
        space().remove_stop(rip);
    }

    #[test]
    fn a_signal_in_a_sequence_leads_to_what_it_aborts_to() {
        let code = Code::new();
        let here = code.at();
        let area = [const { AtomicU64::new(0) }; 4];
        let rseq = Rseq {
            area: area.as_ptr().expose_provenance() as u64,
            len: 32,
        };
        for (rip, to) in [(20, 32), (24, 32), (25, 25), (19, 19)] {
            area[1].store(here + 64, Ordering::Relaxed);
            assert_eq!(rseq.interrupted(here + rip), here + to);
            assert_eq!(area[1].load(Ordering::Relaxed), 0);
        }
        assert_eq!(rseq.interrupted(here + 20), here + 20);
    }
}
