//! binfmt_misc: the kernel starts felix for x86-64 programs (Documentation/admin-guide/binfmt-misc.rst).
//!
//! Flags: P, so that the program sees its own `argv[0]`; O, so that one that cannot be read runs; C, so that set-user-ID
//! programs keep their meaning; F, so that felix is found from inside chroots and containers. A felix started so
//! is told apart by what the kernel then puts into the auxiliary vector.

use crate::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name it is registered by.
pub const NAME: &str = "felix-x86_64";
const DIR: &str = "/proc/sys/fs/binfmt_misc";

/// The first bytes of an x86-64 ELF executable or shared object, and which bits of them count: not the
/// version of the OS ABI's padding, any ABI, ET_EXEC or ET_DYN.
const MAGIC: [u8; 20] = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0";
const MASK: [u8; 20] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xfe, 0xff, 0xff, 0xff,
];

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("\\x{b:02x}")).collect()
}

/// What to write to `register`, or as a line into a file of binfmt.d(5).
///
/// # Errors
/// If the path of felix cannot be said in such a line.
pub fn line(felix: &Path) -> Result<String, Error> {
    let path = felix.to_str().filter(|p| p.starts_with('/'));
    match path.filter(|p| !p.contains([':', '\n'])) {
        Some(path) => Ok(format!(
            ":{NAME}:M::{}:{}:{path}:POCF",
            escaped(&MAGIC),
            escaped(&MASK)
        )),
        None => Err(Error::Usage(format!(
            "{}: binfmt_misc takes no such path (no colon, no line break, UTF-8); put felix elsewhere",
            felix.display()
        ))),
    }
}

/// What there is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Status {
    /// binfmt_misc is there and on.
    pub available: bool,
    /// The program registered by felix's name, and whether it is enabled.
    pub felix: Option<(PathBuf, bool)>,
    /// Others that would take x86-64 programs.
    pub others: Vec<String>,
}

/// The `interpreter`, whether it is enabled, and whether an x86-64 program would match, of an entry's text.
fn entry(text: &str) -> (Option<PathBuf>, bool, bool) {
    let field = |name: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(name))
            .map(str::trim)
    };
    let hex = |t: &str| -> Vec<u8> {
        (0..t.len() / 2)
            .filter_map(|i| u8::from_str_radix(t.get(2 * i..2 * i + 2)?, 16).ok())
            .collect()
    };
    let magic = field("magic ").map(hex).unwrap_or_default();
    let mask = field("mask ").map_or(vec![0xff; magic.len()], hex);
    let matches = magic.len() == MAGIC.len()
        && field("offset ") == Some("0")
        && (0..magic.len()).all(|i| (magic[i] ^ MAGIC[i]) & mask.get(i).unwrap_or(&0xff) == 0);
    let enabled = text.lines().next() == Some("enabled");
    (field("interpreter ").map(PathBuf::from), enabled, matches)
}

/// Looks.
#[must_use]
pub fn status() -> Status {
    let on = fs::read_to_string(Path::new(DIR).join("status")).is_ok_and(|s| s.trim() == "enabled");
    let mut out = Status {
        available: on,
        ..Status::default()
    };
    for file in fs::read_dir(DIR).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(file.path()) else {
            continue;
        };
        let (interpreter, enabled, matches) = entry(&text);
        if name == NAME {
            out.felix = interpreter.map(|i| (i, enabled));
        } else if matches && enabled {
            out.others.push(name);
        }
    }
    out
}

fn write(file: &str, text: &str) -> Result<(), Error> {
    let path = Path::new(DIR).join(file);
    fs::write(&path, text).map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => Error::Usage(
            "binfmt_misc belongs to root: sudo felix binfmt ..., or, to see what would be written, felix binfmt register --dry-run".into(),
        ),
        io::ErrorKind::NotFound => Error::Usage(format!(
            "binfmt_misc is not there: as root, modprobe binfmt_misc; mount -t binfmt_misc none {DIR}"
        )),
        _ => Error::host(format!("writing {}", path.display()), e),
    })
}

/// Registers felix, in place of what was registered by its name.
///
/// # Errors
/// If that is not allowed, or would make the host's own programs felix's.
pub fn register(felix: &Path) -> Result<(), Error> {
    let line = line(felix)?;
    if std::env::consts::ARCH == "x86_64" {
        return Err(Error::Usage(
            "this host runs x86-64 programs itself: registered, felix would be started for felix; --dry-run shows the line for another host".into(),
        ));
    }
    if status().felix.is_some() {
        write(NAME, "-1")?;
    }
    write("register", &line)
}

/// Takes felix out; nothing to do is no error.
///
/// # Errors
/// If that is not allowed.
pub fn unregister() -> Result<bool, Error> {
    if status().felix.is_none() {
        return Ok(false);
    }
    write(NAME, "-1").map(|()| true)
}

/// What a felix that binfmt_misc has started finds among its arguments: the program, its argv.
#[must_use]
pub fn arguments(
    all: Vec<std::ffi::OsString>,
) -> Option<(std::ffi::OsString, Vec<std::ffi::OsString>)> {
    let mut all = all.into_iter().skip(1);
    let program = all.next()?;
    Some((program, all.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_kernels_form() {
        let line = line(Path::new("/usr/bin/felix")).unwrap();
        let parts: Vec<&str> = line.split(':').collect();
        assert_eq!(parts[..4], ["", NAME, "M", ""]);
        assert_eq!(parts[6..], ["/usr/bin/felix", "POCF"]);
        assert!(parts[4].starts_with("\\x7f\\x45\\x4c\\x46\\x02\\x01"));
        assert_eq!((parts[4].len(), parts[5].len()), (80, 80));
        assert!(super::line(Path::new("/a:b")).is_err());
    }

    #[test]
    fn entries_are_understood() {
        let qemu = "enabled\ninterpreter /usr/bin/qemu-x86_64\nflags: POCF\noffset 0\n\
            magic 7f454c4602010100000000000000000002003e00\nmask fffffffffffefe00fffffffffffffffffeffffff\n";
        assert_eq!(
            entry(qemu),
            (Some("/usr/bin/qemu-x86_64".into()), true, true)
        );
        let other = qemu.replace("3e00", "f300").replace("enabled", "disabled");
        assert_eq!(
            entry(&other),
            (Some("/usr/bin/qemu-x86_64".into()), false, false)
        );
    }
}
