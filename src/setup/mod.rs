//! What a user sets up around running programs: settings, guest roots, binfmt_misc, and whether this host will do.
//!
//! Does the work and knows no command line: `cli` turns what it finds into text and exit statuses. Runs no
//! guest; where guest programs have a part (a root's package manager), it says which, and the caller runs them.
//!
//! A root is made in a directory beside its place, locked while its maker lives, and renamed when it is whole
//! (`place`), so that whatever happens to the maker, what stands at its place is a whole root.

pub mod binfmt;
pub mod config;
pub mod create;
pub mod doctor;
pub mod import;
pub mod place;
#[cfg(feature = "pull")]
pub mod pull;
pub mod settings;
pub mod shell;
pub mod tree;
pub mod unpack;

use std::path::PathBuf;

/// Who is told how long work goes on.
pub trait Report {
    /// Work begins, of `total` bytes if that is known.
    fn begin(&mut self, what: &str, total: Option<u64>);
    /// So many bytes more are done.
    fn advance(&mut self, bytes: u64);
    /// It is done.
    fn end(&mut self);
}

/// Nobody is told.
#[cfg(feature = "pull")]
struct Silent;

#[cfg(feature = "pull")]
impl Report for Silent {
    fn begin(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn end(&mut self) {}
}

/// The nearest of `all` to what was written, if any is near.
#[must_use]
pub fn nearest<'a>(written: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    all.into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3) && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A directory of the user's: `variable` (XDG base directories) if it is absolute, else `under` the home directory.
#[must_use]
pub fn user_dir(variable: &str, under: &str) -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|h| h.join(under)))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_is_near_is_found_and_what_is_far_is_not() {
        let all = ["engine", "rootfs", "cpu", "host-isa"];
        assert_eq!(nearest("engin", all), Some("engine"));
        assert_eq!(nearest("Rotofs", all), Some("rootfs"));
        assert_eq!(nearest("cup", all), Some("cpu"));
        assert_eq!(nearest("colour", all), None);
    }
}
