//! The other half of the harness's JIT engine: a process on a RISC-V host (or under qemu-riscv64) that
//! executes translations made elsewhere.
//!
//! Protocol, on standard input and output: the worker first sends a `Hello`; then, for every frame of
//! `Job`s, a frame of as many `After`s. It reads a frame to its end before it answers: who sends one and then
//! reads the answers never waits for the worker to empty a pipe, however many jobs are in it. Who sends the
//! next before that has to read all the while. A frame is a little-endian length of four bytes and that many
//! bytes of postcard. Ends at the end of input.

use super::{After, Case, CaseCode, CaseMemory, Machine};
use crate::exec::jit::{JitEngine, Placed, Tiers};
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

/// Writes and reads frames, with memory kept from one to the next.
#[derive(Debug, Default)]
pub struct Frames(Vec<u8>);

impl Frames {
    /// The bytes of one frame.
    ///
    /// # Errors
    /// If it is too long.
    pub fn pack<T: Serialize + ?Sized>(&mut self, v: &T) -> io::Result<&[u8]> {
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        bytes.extend([0; LEN]);
        self.0 = postcard::to_extend(v, bytes).map_err(io::Error::other)?;
        let len = u32::try_from(self.0.len() - LEN).map_err(io::Error::other)?;
        self.0[..LEN].copy_from_slice(&len.to_le_bytes());
        Ok(&self.0)
    }

    /// Writes one frame, at once.
    ///
    /// # Errors
    /// If it is too long or the other side is gone.
    pub fn write<T: Serialize + ?Sized>(&mut self, w: &mut dyn Write, v: &T) -> io::Result<()> {
        w.write_all(self.pack(v)?)
    }

    /// Reads one frame; `None` at the end of input.
    ///
    /// # Errors
    /// If the input breaks off or is no such value.
    pub fn read<T: DeserializeOwned>(&mut self, r: &mut dyn Read) -> io::Result<Option<T>> {
        let mut len = [0; LEN];
        match r.read_exact(&mut len) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let len = usize::try_from(u32::from_le_bytes(len)).map_err(io::Error::other)?;
        if self.0.len() < len {
            self.0.resize(len, 0);
        }
        let bytes = &mut self.0[..len];
        r.read_exact(bytes)?;
        postcard::from_bytes(bytes)
            .map(Some)
            .map_err(io::Error::other)
    }
}

/// Bytes of a frame's length.
const LEN: usize = 4;

/// Writes one frame.
///
/// # Errors
/// As `Frames::write`.
pub fn write_frame<T: Serialize + ?Sized>(w: &mut dyn Write, v: &T) -> io::Result<()> {
    Frames::default().write(w, v)
}

/// Reads one frame; `None` at the end of input.
///
/// # Errors
/// As `Frames::read`.
pub fn read_frame<T: DeserializeOwned>(r: &mut dyn Read) -> io::Result<Option<T>> {
    Frames::default().read(r)
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
    let (mut input, mut output) = (Frames::default(), Frames::default());
    while let Some(mut jobs) = input.read::<Vec<Job<'_>>>(r)? {
        // All that is to run is placed before any of it does: see `JitEngine::place`.
        engine.begin_batch();
        baseline.begin_batch();
        let placed: Vec<Option<Placed>> = jobs
            .iter_mut()
            .map(|job| engine.place(job.translation(isa)?))
            .collect();
        let run = |(job, placed): (&Job<'_>, Option<Placed>)| {
            let engine = match job.code {
                Code::Made(_) | Code::Optimised => &mut engine,
                Code::Baseline => &mut baseline,
            };
            machine.run_translated(engine, &job.case, placed)
        };
        let answers: Vec<After> = jobs.iter().zip(placed).map(run).collect();
        output.write(w, &answers)?;
        w.flush()?;
    }
    Ok(())
}

impl Job<'_> {
    /// The translation to run it with, which is taken out of it or made.
    fn translation(&mut self, isa: HostIsa) -> Option<Translation> {
        match &mut self.code {
            Code::Made(t) => t.take(),
            Code::Optimised => {
                let mode = FpMode::of(self.case.before.mxcsr);
                let rip = GuestAddr(self.case.before.rip.0);
                let t = JitEngine::translate(&CaseCode::of(&self.case), isa, mode, rip);
                t.ok().flatten()
            }
            Code::Baseline => None,
        }
    }
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
