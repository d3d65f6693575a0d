//! The names of Unix sockets (unix(7)).
//!
//! The host keeps the very text that bind(2) was given and shows it to whoever asks, in other processes too. With a root of
//! the guest's own it is given a text by which the host finds the directory that was resolved, and nothing else; so that it
//! tells the guest's text as well, the socket is made under a name that holds that, and gets its own name next. What the
//! guest is told is read out of the host's text: nothing is kept, and whoever inherits or meets the socket is told the same.

use super::{At, Dir, Fs};
use crate::sys::{Errno, host};
use std::ffi::CString;

/// Begins a name that holds a guest's text, and stands for its slashes.
const MARK: u8 = 1;
/// Ends the text; the rest makes the name unlike all others.
const END: u8 = 2;
/// How long a path in an address may be.
const MOST: usize = 108;
/// Where the host finds directories by descriptor.
const BY_DESCRIPTOR: &[u8] = b"/proc/self/fd/";

/// The name that holds the text, or as much of it as there is room for, and is unlike those that other threads make.
fn holding(text: &[u8], room: usize, unlike: &str) -> Option<CString> {
    if text.iter().any(|b| matches!(*b, 0 | MARK | END)) {
        return None;
    }
    let end = match unlike {
        "" => Vec::new(),
        unlike => [&[END], unlike.as_bytes()].concat(),
    };
    let fits = room.checked_sub(1 + end.len())?.min(text.len());
    let held = (text[..fits].iter()).map(|b| if *b == b'/' { MARK } else { *b });
    CString::new(
        [MARK]
            .into_iter()
            .chain(held)
            .chain(end)
            .collect::<Vec<u8>>(),
    )
    .ok()
}

/// The text that a name holds.
fn held(name: &[u8]) -> Option<Vec<u8>> {
    let text = name.split(|b| *b == END).next()?.strip_prefix(&[MARK])?;
    let slashed = text.iter().map(|b| if *b == MARK { b'/' } else { *b });
    Some(slashed.collect())
}

impl At {
    fn named(&self, name: CString) -> At {
        At {
            dir: self.dir.clone(),
            on: self.on,
            name,
            exact: true,
        }
    }

    /// Gives what is named so in the directory this name, which nothing has.
    fn take_name_of(&self, other: &At) -> Result<(), Errno> {
        match host::rename_to_new(self.fd(), &other.name, &self.name) {
            // Not all file systems can do it at once.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                host::link(self.fd(), &other.name, &self.name)?;
                host::unlinkat(self.fd(), &other.name)
            }
            done => done,
        }
    }
}

impl At {
    /// Does a call that takes the path of a socket that is there, however long its name is.
    pub fn with_socket<T>(&self, call: impl FnOnce(&[u8]) -> Result<T, Errno>) -> Result<T, Errno> {
        let there = At {
            dir: Dir::new(self.open(libc::O_PATH)?),
            ..self.named(CString::default())
        };
        match there.path()? {
            Some(path) => call(
                path.as_bytes()
                    .strip_suffix(b"/")
                    .unwrap_or(path.as_bytes()),
            ),
            None => self.from_here(|| call(self.name.as_bytes())),
        }
    }
}

impl Fs {
    /// Has `bind` bind a socket, by a path of the host's, to the place that the guest's `text` has led to. `alone`: no other
    /// thread minds where the current directory is for a moment.
    pub fn bind_socket(
        &self,
        at: &At,
        text: &[u8],
        alone: bool,
        bind: impl Fn(&[u8]) -> Result<u64, Errno>,
    ) -> Result<u64, Errno> {
        let plain =
            matches!(at.name.as_bytes(), b"." | b"..") || at.name.as_bytes().contains(&b'/');
        let unlike = format!("{:x}", host::gettid());
        let name = |room, unlike| holding(text, room, unlike).map(|n| at.named(n));
        // Where the host finds the directory takes some of the room.
        let empty = at.named(CString::default()).path()?;
        let by_path = empty.and_then(|p| name(MOST.checked_sub(p.as_bytes().len())?, &unlike));
        let whole =
            (by_path.as_ref()).is_some_and(|n| held(n.name.as_bytes()).as_deref() == Some(text));
        let from_here = match by_path {
            None => name(MOST, ""),
            Some(_) if alone && !whole => name(MOST, ""),
            Some(_) => None,
        };
        let (Some(first), true) = (from_here.as_ref().or(by_path.as_ref()), at.exact && !plain)
        else {
            return at.with_path(|path| bind(path.as_bytes()));
        };
        if host::fstatat(at.fd(), &at.name, libc::AT_SYMLINK_NOFOLLOW).is_ok() {
            return Err(Errno::EADDRINUSE);
        }
        let done = match from_here.is_some() {
            true => first.from_here(|| bind(first.name.as_bytes()))?,
            false => first.with_path(|path| bind(path.as_bytes()))?,
        };
        match at.take_name_of(first) {
            Ok(()) => Ok(done),
            Err(e) => {
                let _ = host::unlinkat(first.fd(), &first.name);
                Err(match e {
                    Errno::EEXIST => Errno::EADDRINUSE,
                    e => e,
                })
            }
        }
    }

    /// What the guest is told of a path in an address of the host's.
    #[must_use]
    pub fn socket_name(&self, host: &[u8]) -> Vec<u8> {
        let behind = host.strip_prefix(BY_DESCRIPTOR).and_then(|rest| {
            let slash = rest.iter().position(|b| *b == b'/')?;
            let number = rest[..slash].iter().all(u8::is_ascii_digit);
            number.then(|| &rest[slash + 1..])
        });
        let name = behind.unwrap_or(host);
        if let Some(text) = held(name) {
            return text;
        }
        match host.first() {
            // One that could not be held: what there is.
            _ if behind.is_some() => name.to_vec(),
            Some(b'/') => self.guest_path(host).unwrap_or_else(|| host.to_vec()),
            _ => host.to_vec(),
        }
    }

    /// The guest's /proc/net/unix: the path is what follows the seventh column.
    #[must_use]
    pub fn socket_names(&self, host: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(host.len());
        for (n, line) in host.split_inclusive(|b| *b == b'\n').enumerate() {
            // "Num RefCount Protocol Flags Type St Inode Path", of which the inode has five places at least.
            let path = column(line, 7).filter(|at| n > 0 && !matches!(line[*at], b'@' | b'\n'));
            match path {
                Some(at) => {
                    let end = line.strip_suffix(b"\n").map_or(line.len(), <[u8]>::len);
                    out.extend_from_slice(&line[..at]);
                    out.extend(self.socket_name(&line[at..end]));
                    out.extend_from_slice(&line[end..]);
                }
                None => out.extend_from_slice(line),
            }
        }
        out
    }
}

/// Where the column with this number begins.
fn column(line: &[u8], number: usize) -> Option<usize> {
    let mut at = 0;
    for _ in 0..number {
        at += line[at..].iter().position(|b| *b == b' ')?;
        at += line[at..].iter().position(|b| *b != b' ')?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_the_text_it_is_read_out_of() {
        let fs = Fs::host();
        for text in ["/tmp/a socket", "socket", "./a/../b", "/"] {
            let name = holding(text.as_bytes(), 80, "1234").unwrap();
            assert!(!name.as_bytes().contains(&b'/'));
            let path = [b"/proc/self/fd/1000/", name.as_bytes()].concat();
            assert_eq!(fs.socket_name(&path), text.as_bytes());
            assert_eq!(fs.socket_name(name.as_bytes()), text.as_bytes());
        }
        let cut = holding(b"/tmp/long", 10, "12").unwrap();
        assert_eq!(cut.as_bytes().len(), 10);
        assert_eq!(fs.socket_name(cut.as_bytes()), b"/tmp/l");
        assert_eq!(holding(b"/tmp/long", 10, "").unwrap().as_bytes().len(), 10);
        assert_eq!(holding(b"a\x01b", 80, "1"), None);
        assert_eq!(fs.socket_name(b"/run/host"), b"/run/host");
        assert_eq!(fs.socket_name(b"/proc/self/fd/7/long"), b"long");
        assert_eq!(fs.socket_name(b"/proc/self/fd/x/y"), b"/proc/self/fd/x/y");
    }

    #[test]
    fn lines_keep_all_but_the_path() {
        let fs = Fs::host();
        let line = |path: &str| {
            format!("0000000000000000: 00000002 00000000 00010000 0001 01 23056{path}\n")
        };
        let head = "Num       RefCount Protocol Flags    Type St Inode Path\n";
        let ours = format!(" /proc/self/fd/1000/{}", "\x01\x01run\x01s\x0212ab");
        let all = |own: &str| [head, &line(own), &line(" @abstract"), &line("")].concat();
        let told = fs.socket_names(all(&ours).as_bytes());
        assert_eq!(String::from_utf8(told).unwrap(), all(" /run/s"));
    }
}
