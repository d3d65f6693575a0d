//! `felix::Error`: what goes wrong for felix's user, as opposed to the guest.
//!
//! The three error channels never convert silently: an `Errno` goes to the guest's system call, a
//! `Fault` becomes the guest's signal, an `Error` ends felix with a sentence on stderr.

use std::path::PathBuf;

/// Why felix could not do what it was asked, with the exit status a shell would give.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program does not exist.
    #[error("{}: no such file or directory", path.display())]
    NotFound {
        /// As the user named it.
        path: PathBuf,
    },
    /// The program exists and cannot be run.
    #[error("{}: {why}", path.display())]
    CannotRun {
        /// As the user named it.
        path: PathBuf,
        /// What is wrong and what to do, one sentence.
        why: String,
    },
    /// An option or argument has a wrong value.
    #[error("{0}")]
    Usage(String),
    /// The host refused something felix cannot do without.
    #[error("{what}: {source}")]
    Host {
        /// What felix was doing.
        what: String,
        /// What the host said.
        source: std::io::Error,
    },
    /// A disk is full.
    #[error(
        "{what}: no space left on the disk; make room and start again, nothing is kept of this"
    )]
    Full {
        /// What felix was doing.
        what: String,
    },
    /// Something read is damaged, or not to be trusted.
    #[error("{0}")]
    Damaged(String),
    /// The network, or what it leads to.
    #[error("{0}")]
    Network(String),
    /// A program of the host's is needed and missing, or failed.
    #[error("{0}")]
    Tool(String),
}

impl Error {
    /// The host refused something while felix did `what`; a full disk is told apart.
    #[must_use]
    pub fn host(what: impl Into<String>, source: std::io::Error) -> Error {
        let what = what.into();
        match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Error::Full { what },
            _ => Error::Host { what, source },
        }
    }

    /// The exit status: 127 for a program that is not there, 126 for one that cannot be run, 2 for
    /// wrong usage, 125 when felix itself could not go on, 120 to 123 for what making a root can meet.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::NotFound { .. } => 127,
            Error::CannotRun { .. } => 126,
            Error::Usage(_) => 2,
            Error::Host { .. } => 125,
            Error::Full { .. } => 120,
            Error::Damaged(_) => 121,
            Error::Network(_) => 122,
            Error::Tool(_) => 123,
        }
    }
}
