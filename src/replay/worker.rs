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
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// What the worker is. The first field is to stay the first: it tells whether the rest can be understood.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// `BUILD`.
    pub build: u64,
    /// The ISA it executes, in the form `--host-isa` takes.
    pub isa: String,
}

/// Tells builds apart that would misunderstand each other: of the text of what says how frames are laid
/// out, and what translations expect of the register file.
pub const BUILD: u64 = {
    let sources: [&[u8]; 5] = [
        include_bytes!("mod.rs"),
        include_bytes!("worker.rs"),
        include_bytes!("../lower/abi.rs"),
        include_bytes!("../lower/translation.rs"),
        include_bytes!("../x86/state.rs"),
    ];
    // FNV-1a
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut n = 0;
    while n < sources.len() {
        let mut i = 0;
        while i < sources[n].len() {
            hash = (hash ^ sources[n][i] as u64).wrapping_mul(0x100_0000_01b3);
            i += 1;
        }
        n += 1;
    }
    hash
};

/// Reads a worker's greeting.
///
/// # Errors
/// If the worker ends before it, or is of another build.
pub fn greeting(r: &mut dyn Read) -> io::Result<Hello> {
    // A frame of another build may be anything.
    let hello = read_frame::<Hello>(r);
    match hello {
        Ok(None) => Err(io::Error::other("the worker ended at once")),
        Ok(Some(hello)) if hello.build == BUILD => Ok(hello),
        Ok(Some(_)) => Err(io::Error::other("the worker is of another build than this")),
        Err(e) => Err(io::Error::other(format!(
            "the worker's greeting cannot be read ({e}): is it of another build than this?"
        ))),
    }
}

/// A case and how it is to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job<'a> {
    /// The case.
    pub case: Cow<'a, Case>,
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
pub fn write_frame<T: Serialize + ?Sized>(w: &mut dyn Write, v: &T) -> io::Result<()> {
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
            build: BUILD,
            isa: isa.to_string(),
        },
    )?;
    w.flush()?;
    let mut run = |job: Job<'_>| -> After {
        let case = &*job.case;
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
    while let Some(jobs) = read_frame::<Vec<Job<'_>>>(r)? {
        let answers: Vec<After> = jobs.into_iter().map(&mut run).collect();
        write_frame(w, &answers)?;
        w.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_another_build_is_refused() {
        let frame = |build: u64| {
            let isa = "gc".to_owned();
            let mut frame = Vec::new();
            write_frame(&mut frame, &Hello { build, isa }).unwrap();
            frame
        };
        assert_eq!(greeting(&mut &frame(BUILD)[..]).unwrap().isa, "gc");
        let refused = |frame: &[u8]| greeting(&mut &*frame).unwrap_err().to_string();
        assert!(refused(&frame(BUILD ^ 1)).contains("another build"));
        // What builds sent that had no such number.
        let mut old = Vec::new();
        write_frame(&mut old, &"gc,zba,zbb").unwrap();
        assert!(refused(&old).contains("another build"));
        assert!(refused(&[]).contains("ended at once"));
    }
}
