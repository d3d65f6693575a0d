//! `--strace`: one line a system call on standard error, printed from the table's rows.

use super::table::{Arg, Row};
use super::{Ctx, Flow, Result};
use crate::sys::cast::{int, low32};
use crate::sys::{Errno, host};
use std::fmt::Write;

/// The call and its arguments, as they are before it.
pub(super) fn call(ctx: &Ctx<'_>, row: Option<&Row>, nr: u64, args: &[u64; 6]) -> String {
    let Some(row) = row else {
        return format!(
            "syscall_{nr}({:#x}, {:#x}, {:#x})",
            args[0], args[1], args[2]
        );
    };
    let mut out = format!("{}(", row.name);
    for (i, (kind, v)) in row.args.iter().zip(args).enumerate() {
        if i != 0 {
            out.push_str(", ");
        }
        let _ = match kind {
            Arg::Int => write!(out, "{}", int(*v)),
            Arg::Size => write!(out, "{v}"),
            Arg::Off => write!(out, "{}", v.cast_signed()),
            Arg::Octal => write!(out, "{:#o}", low32(*v)),
            Arg::Hex => write!(out, "{v:#x}"),
            Arg::Sig => write!(out, "{}", signal_name(int(*v))),
            a if a.is_descriptor() && int(*v) == libc::AT_FDCWD => write!(out, "AT_FDCWD"),
            Arg::Fd | Arg::Dir | Arg::FdW | Arg::FdM => write!(out, "{}", int(*v)),
            kind if kind.is_pointer() && *v == 0 => write!(out, "NULL"),
            Arg::Ptr | Arg::Res | Arg::Buf | Arg::Iov | Arg::Msg | Arg::Msgs => {
                write!(out, "{v:#x}")
            }
            Arg::Path
            | Arg::PathN
            | Arg::PathW
            | Arg::PathNW
            | Arg::Made
            | Arg::Gone
            | Arg::Str => match ctx.cstr(*v) {
                Ok(s) => write!(out, "\"{}\"", s.escape_ascii()),
                Err(_) => write!(out, "{v:#x}"),
            },
        };
    }
    out.push(')');
    out
}

/// The name of a signal number, as `SIGINT`.
pub(super) fn signal_name(sig: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    match usize::try_from(sig - 1).ok().and_then(|i| NAMES.get(i)) {
        Some(n) => format!("SIG{n}"),
        None => format!("{sig}"),
    }
}

/// Prints the line.
pub(super) fn result(line: &str, row: Option<&Row>, result: &Result<u64>, flow: &Flow, tid: i32) {
    let address = row.is_some_and(|r| matches!(r.name, "mmap" | "brk" | "mremap" | "shmat"));
    let shown = match (result, flow) {
        (_, Flow::ExitThread(_) | Flow::ExitGroup(_) | Flow::Exec(_) | Flow::Clone(_)) => {
            "?".to_string()
        }
        (Ok(v), _) if address => format!("{v:#x}"),
        (Ok(v), _) => format!("{}", v.cast_signed()),
        (Err(Errno::ERESTARTSYS | Errno::ERESTARTNOINTR), _) => "? (interrupted)".to_string(),
        (Err(e), _) => format!("-1 {e:?} ({e})"),
    };
    host::write_stderr(format!("[{tid}] {line} = {shown}\n").as_bytes());
}
