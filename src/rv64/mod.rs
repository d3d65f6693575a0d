//! RV64: registers, instruction encodings both ways, an assembler, and what a host offers.
//!
//! One row of `table` per instruction gives its assembler method and its disassembly; the encodings
//! are checked against what binutils makes of the same text (`encodings.txt`). Names are spelled as
//! in the RISC-V specifications.
//!
//! Knows no IR, no guest, and nothing of which register holds what (`lower::abi` says that).

mod asm;
mod disasm;
mod fields;
mod isa;
mod reg;
mod table;

pub use asm::{AsmError, Assembler, Finished, Label};
pub use disasm::{disassemble, listing};
pub use fields::{Imm12, Off21, Ordering, Rm, Sew, Shamt, Simm5, Uimm5, Vm, Vtype};
pub use isa::{Feature, HostIsa};
pub use reg::{Freg, Vreg, Xreg};
pub use table::Csr;
