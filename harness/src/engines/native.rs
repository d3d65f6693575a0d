//! The PC's own CPU, in a guarded child process.

use super::Runner;
use crate::sys;
use anyhow::{Context, Result};
use felix::replay::worker::{read_frame, write_frame};
use felix::replay::{After, Case, DATA, DATA_LEN, Machine, changes};
use felix::sys::guest;
use felix::x86::GuestAddr;
use std::io::{Read, Write};

/// See the module's head. The child is started anew if a case kills it.
#[derive(Default)]
pub struct Native {
    child: Option<sys::Child>,
}

impl Runner for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn run(&mut self, cases: &[Case]) -> Result<Vec<Option<After>>> {
        let mut out = Vec::with_capacity(cases.len());
        // Few enough at a time that neither side ever waits for the other to empty a pipe.
        for batch in cases.chunks(16) {
            match self.exchange(batch) {
                Ok(results) => out.extend(results.into_iter().map(Some)),
                Err(_) => {
                    // Something killed the child: find out which case, and go on without it.
                    for case in batch {
                        self.child = None;
                        out.push(
                            self.exchange(std::slice::from_ref(case))
                                .ok()
                                .and_then(|mut v| v.pop()),
                        );
                    }
                }
            }
        }
        Ok(out)
    }
}

impl Native {
    fn exchange(&mut self, cases: &[Case]) -> Result<Vec<After>> {
        if self.child.is_none() {
            self.child = Some(sys::spawn(child)?);
        }
        let child = self.child.as_mut().context("just started")?;
        let mut frames = Vec::new();
        for case in cases {
            write_frame(&mut frames, case)?;
        }
        let result = child
            .input
            .write_all(&frames)
            .map_err(anyhow::Error::from)
            .and_then(|()| {
                cases
                    .iter()
                    .map(|_| read_frame(&mut child.output)?.context("the child ended"))
                    .collect()
            });
        if result.is_err() {
            self.child = None;
        }
        result
    }
}

fn child(r: &mut dyn Read, w: &mut dyn Write) {
    sys::unmap_windows();
    let Ok(_machine) = Machine::new() else { return };
    if sys::make_code_executable().is_err() || sys::prepare().is_err() {
        return;
    }
    while let Ok(Some(case)) = read_frame::<Case>(r) {
        let data = Machine::initial_data(&case);
        let image = Machine::code_image(&case);
        let code = GuestAddr(felix::replay::CODE);
        if guest::write_bytes(GuestAddr(DATA), &data).is_err()
            || guest::write_bytes(code, &image).is_err()
        {
            return;
        }
        let (stop, registers) = sys::run(&case.before);
        let mut now = vec![0; DATA_LEN];
        if guest::read_bytes(GuestAddr(DATA), &mut now).is_err() {
            return;
        }
        let after = After {
            stop,
            registers,
            memory: changes(&data, &now),
        };
        if write_frame(w, &after).is_err() || w.flush().is_err() {
            return;
        }
    }
}
