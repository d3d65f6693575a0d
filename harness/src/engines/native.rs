//! The PC's own CPU, in a guarded child process.

use super::Runner;
use crate::sys;
use anyhow::{Context, Result};
use felix::replay::worker::{read_frame, write_frame};
use felix::replay::{After, CODE, CODE_LEN, Case, DATA, DATA_LEN, Machine, changes};
use felix::sys::guest;
use felix::x86::GuestAddr;
use std::io::{Read, Write};

/// Cases sent to the child at a time: every time the two wait for each other.
const WINDOW: usize = 64;

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
        for batch in cases.chunks(WINDOW) {
            match self.exchange(batch) {
                Ok(results) => out.extend(results.into_iter().map(Some)),
                Err(_) => {
                    // Something killed the child: find out which case, and go on without it.
                    for case in batch {
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
        let mut frame = Vec::new();
        write_frame(&mut frame, &cases.to_vec())?;
        // The child reads all of it before it answers.
        let result = child
            .input
            .write_all(&frame)
            .and_then(|()| read_frame::<Vec<After>>(&mut child.output))
            .map_err(anyhow::Error::from)
            .and_then(|answers| answers.context("the child ended"));
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
    while let Ok(Some(cases)) = read_frame::<Vec<Case>>(r) {
        let Some(answers) = cases.iter().map(one).collect::<Option<Vec<After>>>() else {
            return;
        };
        if write_frame(w, &answers).is_err() || w.flush().is_err() {
            return;
        }
    }
}

/// Runs one case in the child; `None` if the windows are gone.
fn one(case: &Case) -> Option<After> {
    let data = Machine::initial_data(case);
    let image = Machine::code_image(case);
    guest::write_bytes(GuestAddr(DATA), &data).ok()?;
    guest::write_bytes(GuestAddr(CODE), &image).ok()?;
    let (stop, registers) = sys::run(&case.before);
    let mut now = vec![0; DATA_LEN];
    guest::read_bytes(GuestAddr(DATA), &mut now).ok()?;
    let mut code = vec![0; CODE_LEN];
    guest::read_bytes(GuestAddr(CODE), &mut code).ok()?;
    Some(After {
        stop,
        registers,
        memory: changes((&image, &code), (&data, &now)),
    })
}
