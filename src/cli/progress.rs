//! How long work goes on: a bar on a terminal, plain lines elsewhere. On standard error.

use crate::setup::Report;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// See the module's head.
#[derive(Default)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    total: Option<u64>,
    done: u64,
    /// Quarters that have been told.
    told: u64,
}

impl Report for Progress {
    fn begin(&mut self, what: &str, total: Option<u64>) {
        *self = Progress {
            what: what.into(),
            total,
            ..Progress::default()
        };
        if !std::io::stderr().is_terminal() {
            eprintln!("{what}");
            return;
        }
        let (bar, style) = match total {
            Some(n) => (
                ProgressBar::new(n),
                "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {bytes}"),
        };
        let style = ProgressStyle::with_template(style);
        let bar = bar.with_message(what.to_owned());
        self.bar = Some(style.map_or(bar.clone(), |s| bar.with_style(s)));
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if let Some(total) = self.total {
            let quarters = (self.done * 4).checked_div(total).unwrap_or(4);
            if quarters > self.told && quarters < 4 {
                self.told = quarters;
                eprintln!("{}: {}%", self.what, quarters * 25);
            }
        }
    }

    fn end(&mut self) {
        match self.bar.take() {
            Some(bar) => bar.finish_and_clear(),
            None => eprintln!("{}: done", self.what),
        }
    }
}
