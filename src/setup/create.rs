//! A root of a distribution's packages: `felix rootfs create`.
//!
//! mmdebstrap, a program of the host's, fetches and checks the packages and unpacks the essential ones; nothing of them is run by it,
//! so that the host need not run x86-64 programs. Their maintainer scripts are run by dpkg inside the new root, under felix:
//! the caller does that, given a script.

use super::place::Making;
use super::tree::{LeftOut, Tree};
use super::{Report, import, nearest};
use crate::error::Error;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Distributions whose packages mmdebstrap fetches.
const DISTRIBUTIONS: [&str; 2] = ["debian", "ubuntu"];

/// What to make.
#[derive(Clone, Debug)]
pub struct Wish {
    suite: String,
    /// Addresses, or whole lines of sources.list(5); none: those mmdebstrap knows.
    pub mirrors: Vec<OsString>,
    /// More packages.
    pub include: Vec<String>,
    /// Keys the packages' lists are signed by, where apt here does not have them.
    pub keyring: Option<PathBuf>,
}

impl Wish {
    /// `debian:trixie`.
    ///
    /// # Errors
    /// If that names no distribution and suite.
    pub fn new(distro: &str) -> Result<Wish, Error> {
        let (name, suite) = distro.split_once(':').unwrap_or((distro, ""));
        if !DISTRIBUTIONS.contains(&name) {
            let hint = match nearest(name, DISTRIBUTIONS) {
                Some(n) => format!("; did you mean `{n}`?"),
                None => "; others: felix rootfs pull, felix rootfs import".into(),
            };
            return Err(Error::Usage(format!(
                "--distro {distro}: is none of {}{hint}",
                DISTRIBUTIONS.join(", ")
            )));
        }
        if !is_name(suite) {
            return Err(Error::Usage(format!(
                "--distro {distro}: write the suite as well, as in debian:trixie or ubuntu:noble"
            )));
        }
        Ok(Wish {
            suite: suite.into(),
            mirrors: Vec::new(),
            include: Vec::new(),
            keyring: None,
        })
    }

    fn command(&self) -> Command {
        let mut c = Command::new("mmdebstrap");
        c.args([
            "--quiet",
            "--variant=extract",
            "--architectures=amd64",
            "--format=tar",
        ])
        .args([
            "--include=?essential",
            "--include=?priority(required)",
            "--include=apt",
        ])
        // The packages and their lists are needed for what comes next, and nothing is run yet.
        .arg("--skip=check/qemu,cleanup/apt");
        if let Some(k) = &self.keyring {
            let mut option = OsString::from("--keyring=");
            option.push(k);
            c.arg(option);
        }
        c.arg(&self.suite).arg("-").args(&self.mirrors);
        c
    }

    /// What is run inside the new root.
    fn script(&self) -> String {
        let more = if self.include.is_empty() {
            String::new()
        } else {
            let packages = self.include.join(" ");
            format!("apt-get install --yes --no-install-recommends {packages}\n")
        };
        format!(
            "set -e\n\
             export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true\n\
             printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d\n\
             chmod 755 /usr/sbin/policy-rc.d\n\
             dpkg --force-depends --install /var/cache/apt/archives/*.deb\n\
             {more}\
             rm -f /usr/sbin/policy-rc.d\n\
             apt-get clean\n"
        )
    }
}

/// A name of a suite or a package: nothing a shell or mmdebstrap would take for something else.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-._:".contains(c))
}

/// Runs a script in a root, with its shell, and fails if the script does.
pub type Inside = dyn FnMut(&Path, &str, &mut dyn Report) -> Result<(), Error>;

/// Makes the root at `place`.
///
/// # Errors
/// If mmdebstrap is missing or fails, the scripts fail, or there is no room.
pub fn create(
    wish: &Wish,
    place: &Path,
    report: &mut dyn Report,
    inside: &mut Inside,
) -> Result<LeftOut, Error> {
    if let Some(wrong) = wish.include.iter().find(|p| !is_name(p)) {
        return Err(Error::Usage(format!(
            "--include {wrong}: this is no name of a package"
        )));
    }
    let making = Making::begin(place)?;
    let mut child = wish
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::Tool(
                "mmdebstrap is not installed here, which fetches the packages: sudo apt install mmdebstrap, or make a root without it by felix rootfs pull debian:trixie DIR".into(),
            ),
            _ => Error::host("starting mmdebstrap", e),
        })?;
    // What it says is wanted only if it fails.
    let said = child.stderr.take().map(|mut e| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = e.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let mut tree = Tree::new(&making.root())?;
    let added = match child.stdout.take() {
        Some(tar) => import::add(
            &mut tree,
            tar,
            ("the packages mmdebstrap fetches", None),
            false,
            report,
        ),
        None => Ok(()),
    };
    if matches!(added, Err(Error::Full { .. })) {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|e| Error::host("mmdebstrap", e))?;
    let said = said.and_then(|s| s.join().ok()).unwrap_or_default();
    match added {
        Err(e @ (Error::Full { .. } | Error::Host { .. })) => return Err(e),
        _ if !ended.success() => {
            let last = said
                .lines()
                .rev()
                .find(|l| l.starts_with("E: ") && !l.contains("mmdebstrap failed to run"));
            let last = last.or(said.lines().last()).unwrap_or("it says nothing");
            return Err(Error::Tool(format!(
                "mmdebstrap failed: {}",
                last.trim_start_matches("E: ")
            )));
        }
        other => other?,
    }
    let left_out = tree.finish()?;
    inside(&making.root(), &wish.script(), report)?;
    making.finish()?;
    // Its device nodes are the host's, and expected to be.
    Ok(LeftOut {
        devices: 0,
        ..left_out
    })
}

#[cfg(test)]
mod tests {
    use super::Wish;

    #[test]
    fn only_distributions_and_suites_pass() {
        assert!(Wish::new("debian:trixie").is_ok() && Wish::new("ubuntu:noble").is_ok());
        for (wrong, about) in [
            ("debain:trixie", "`debian`"),
            ("debian", "suite"),
            ("debian:", "suite"),
            ("debian:--hook", "suite"),
            ("debian:a b", "suite"),
            ("arch:x", "felix rootfs pull"),
        ] {
            let why = Wish::new(wrong).unwrap_err().to_string();
            assert!(why.contains(about), "{why}");
        }
    }
}
