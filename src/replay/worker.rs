//! The other half of the harness's JIT engine: a process on a RISC-V host (or under qemu-riscv64) that
//! executes translations made elsewhere.
//!
//! Protocol, on standard input and output: the worker first sends a `Hello`; then, for every frame of
//! `Job`s, a frame of as many `After`s. It reads a frame to its end before it answers, so neither side ever
//! waits for the other to empty a pipe, however many jobs are in one. A frame is a little-endian length of four bytes and that many bytes of
//! postcard. Ends at the end of input.

use super::{After, Case, CaseCode, CaseMemory, Machine};
use crate::exec::jit::{JitEngine, Tiers};
use crate::lower::{FpMode, Translation};
use crate::rv64::HostIsa;
use crate::x86::GuestAddr;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// What the worker is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The ISA it executes, in the form `--host-isa` takes.
    pub isa: String,
}

/// A case and how it is to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The case.
    pub case: Case,
    /// Its code.
    pub code: Code,
}

/// What code a case is run with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Code {
    /// This, the region at its RIP translated for the worker's ISA. Where control leaves it, or if there
    /// is none, everything is evaluated.
    Made(Option<Translation>),
    /// The same, but the worker is to make it.
    Optimised,
    /// Code made instruction by instruction.
    Baseline,
}

/// Writes one frame.
///
/// # Errors
/// If the other side is gone.
pub fn write_frame<T: Serialize>(w: &mut dyn Write, v: &T) -> io::Result<()> {
    let bytes = postcard::to_stdvec(v).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    w.write_all(&len.to_le_bytes())?;
    w.write_all(&bytes)
}

/// Reads one frame; `None` at the end of input.
///
/// # Errors
/// If the input breaks off or is no such value.
pub fn read_frame<T: DeserializeOwned>(r: &mut dyn Read) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    match r.read_exact(&mut len) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(len)).map_err(io::Error::other)?];
    r.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes)
        .map(Some)
        .map_err(io::Error::other)
}

/// Serves jobs until the input ends.
///
/// # Errors
/// If this is no RISC-V host, or the other side breaks the protocol.
pub fn serve(isa: HostIsa, r: &mut dyn Read, w: &mut dyn Write) -> io::Result<()> {
    crate::sys::fault::install()?;
    let mut machine = Machine::new()?;
    let mut engine = JitEngine::new(Arc::new(CaseMemory), isa)?;
    let mut baseline = JitEngine::tiered(Arc::new(CaseMemory), isa, Tiers::BASELINE)?;
    write_frame(
        w,
        &Hello {
            isa: isa.to_string(),
        },
    )?;
    w.flush()?;
    let mut run = |job: Job| -> After {
        let case = &job.case;
        match job.code {
            Code::Made(t) => machine.run_translated(&mut engine, case, t),
            Code::Optimised => {
                let mode = FpMode::of(case.before.mxcsr);
                let rip = GuestAddr(case.before.rip.0);
                let t = JitEngine::translate(&CaseCode::of(case), isa, mode, rip);
                machine.run_translated(&mut engine, case, t.ok().flatten())
            }
            Code::Baseline => machine.run_translated(&mut baseline, case, None),
        }
    };
    while let Some(jobs) = read_frame::<Vec<Job>>(r)? {
        let answers: Vec<After> = jobs.into_iter().map(&mut run).collect();
        write_frame(w, &answers)?;
        w.flush()?;
    }
    Ok(())
}
