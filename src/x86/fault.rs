//! What an instruction can raise (SDM vol. 3, chapter 7, "Interrupt and Exception Handling").
//!
//! A `Fault` is the guest's: it becomes a signal in the personality layer, never a felix error.

use super::GuestAddr;

/// What was wrong with a guest memory access, as the host's kernel told it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemFaultKind {
    /// Nothing is mapped there (SEGV_MAPERR).
    NotMapped,
    /// Mapped, but the protection forbids the access (SEGV_ACCERR).
    Protection,
    /// The mapping's file ends before this page (SIGBUS, BUS_ADRERR).
    Bus,
}

/// A page fault: where, and on what kind of access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemFault {
    /// The first byte that could not be accessed.
    pub addr: GuestAddr,
    /// True for stores and for read-modify-write instructions.
    pub write: bool,
    /// True if it was the fetch of an instruction.
    pub fetch: bool,
    /// Why.
    pub kind: MemFaultKind,
}

impl MemFault {
    /// What the guest sees: #PF, or #GP if the address is not canonical (SDM vol. 1, 3.3.7.1), which
    /// the host's kernel reports without an address.
    #[must_use]
    pub const fn classify(self) -> Fault {
        if self.addr.is_canonical() {
            Fault::Page(self)
        } else {
            Fault::GeneralProtection
        }
    }

    /// The same of an access through SS, if `stack` says so: then it is #SS, not #GP.
    #[must_use]
    pub const fn classify_through(self, stack: bool) -> Fault {
        match self.classify() {
            Fault::GeneralProtection if stack => Fault::StackFault,
            fault => fault,
        }
    }
}

/// An exception of the guest CPU. RIP is the faulting instruction for faults and the next one for
/// the traps `Breakpoint`, `Overflow`, `Debug` and `SingleStep`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// #DE, vector 0: division by zero or a quotient that does not fit.
    DivideError,
    /// #DB, vector 1: INT1.
    Debug,
    /// #DB, vector 1: an instruction that began with TF set has ended.
    SingleStep,
    /// #BP, vector 3: INT3.
    Breakpoint,
    /// #OF, vector 4: INT 4.
    Overflow,
    /// #UD, vector 6: no such instruction, or one felix does not implement.
    InvalidOpcode,
    /// #SS, vector 12: a non-canonical stack address.
    StackFault,
    /// #GP, vector 13: privileged instruction, non-canonical address, misaligned SSE operand,
    /// instruction longer than 15 bytes, INT n without a gate.
    GeneralProtection,
    /// #PF, vector 14.
    Page(MemFault),
    /// #MF, vector 16: an unmasked x87 exception.
    X87,
    /// #AC, vector 17: alignment check.
    AlignmentCheck,
    /// #XM, vector 19: an unmasked SSE exception.
    Simd,
}

/// The faults that carry no data, as the small number IR and helpers use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)] // One for each variant of `Fault` but `Page`.
pub enum Trap {
    DivideError = 1,
    Debug = 2,
    Breakpoint = 3,
    InvalidOpcode = 4,
    StackFault = 5,
    GeneralProtection = 6,
    X87 = 7,
    AlignmentCheck = 8,
    Simd = 9,
    Overflow = 10,
    /// In code, before an instruction that is about to set TF: engines go on one instruction at a time then.
    SingleStep = 11,
}

impl Trap {
    /// The trap with the number `n`, if there is one.
    #[must_use]
    pub const fn from_u8(n: u8) -> Option<Trap> {
        Some(match n {
            1 => Trap::DivideError,
            2 => Trap::Debug,
            3 => Trap::Breakpoint,
            4 => Trap::InvalidOpcode,
            5 => Trap::StackFault,
            6 => Trap::GeneralProtection,
            7 => Trap::X87,
            8 => Trap::AlignmentCheck,
            9 => Trap::Simd,
            10 => Trap::Overflow,
            11 => Trap::SingleStep,
            _ => return None,
        })
    }

    /// The manual's mnemonic, as `#DE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Trap::DivideError => "#DE",
            Trap::Debug => "#DB",
            Trap::Breakpoint => "#BP",
            Trap::InvalidOpcode => "#UD",
            Trap::StackFault => "#SS",
            Trap::GeneralProtection => "#GP",
            Trap::X87 => "#MF",
            Trap::AlignmentCheck => "#AC",
            Trap::Simd => "#XM",
            Trap::Overflow => "#OF",
            Trap::SingleStep => "#TF",
        }
    }
}

impl From<Trap> for Fault {
    fn from(t: Trap) -> Fault {
        match t {
            Trap::DivideError => Fault::DivideError,
            Trap::Debug => Fault::Debug,
            Trap::Breakpoint => Fault::Breakpoint,
            Trap::InvalidOpcode => Fault::InvalidOpcode,
            Trap::StackFault => Fault::StackFault,
            Trap::GeneralProtection => Fault::GeneralProtection,
            Trap::X87 => Fault::X87,
            Trap::AlignmentCheck => Fault::AlignmentCheck,
            Trap::Simd => Fault::Simd,
            Trap::Overflow => Fault::Overflow,
            Trap::SingleStep => Fault::SingleStep,
        }
    }
}
