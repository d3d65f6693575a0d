//! `#!` scripts (execve(2), "Interpreter scripts").

/// The bytes of a file that decide what it is (BINPRM_BUF_SIZE).
pub const HEAD: usize = 256;

/// What a `#!` line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// The interpreter's path.
    pub interpreter: Vec<u8>,
    /// Its one optional argument.
    pub argument: Option<Vec<u8>>,
}

/// Parses the first bytes of a file. `None`: not a script. `Some(None)`: a `#!` line without a usable
/// interpreter (ENOEXEC).
#[must_use]
pub fn parse(head: &[u8]) -> Option<Option<Script>> {
    let rest = head.strip_prefix(b"#!")?;
    // Linux keeps the last byte for a NUL.
    let rest = &rest[..rest.len().min(HEAD - 3)];
    let (line, complete) = match rest.iter().position(|b| *b == b'\n' || *b == 0) {
        Some(end) => (&rest[..end], true),
        None => (rest, head.len() < HEAD),
    };
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let line = line.trim_ascii_start();
    let end = line.iter().position(blank);
    if line.is_empty() || (end.is_none() && !complete) {
        // Cut off inside the interpreter's name.
        return Some(None);
    }
    let (interpreter, argument) = line.split_at(end.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    Some(Some(Script {
        interpreter: interpreter.to_vec(),
        argument: (!argument.is_empty()).then(|| argument.to_vec()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_linux_splits_them() {
        let ok = |h: &[u8]| parse(h).unwrap().map(|s| (s.interpreter, s.argument));
        assert_eq!(ok(b"#!/bin/sh\n"), Some((b"/bin/sh".to_vec(), None)));
        assert_eq!(
            ok(b"#! /usr/bin/env  perl -w \nx"),
            Some((b"/usr/bin/env".to_vec(), Some(b"perl -w".to_vec())))
        );
        assert_eq!(ok(b"#!/bin/sh"), Some((b"/bin/sh".to_vec(), None)));
        assert_eq!(ok(b"#!\n"), None);
        assert_eq!(ok(&[&b"#!"[..], &[b'a'; 254]].concat()), None);
        assert_eq!(parse(b"\x7fELF"), None);
    }
}
