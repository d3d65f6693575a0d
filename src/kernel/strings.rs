//! A program's arguments and environment as /proc/PID/cmdline and /proc/PID/environ show them (proc(5)): the process's memory
//! where execve(2) put them, whatever is there by now. Programs change their titles by writing there.
//!
//! Knows how the memory is read only by the function it is given, which fills a buffer from an address on and says how many
//! bytes there were.

use super::process::Layout;
use crate::mem::space::PAGE;
use crate::sys::cast::size;
use crate::sys::guest;
use crate::x86::GuestAddr;
use std::ops::Range;

/// This process's memory.
pub fn own(at: u64, to: &mut [u8]) -> usize {
    match guest::read_bytes(GuestAddr(at), to) {
        Ok(()) => to.len(),
        Err(fault) => size(fault.addr.0.saturating_sub(at)).min(to.len()),
    }
}

/// How much is read at most: what execve(2) takes (three quarters of _STK_LIM). PR_SET_MM may say more than there is room for.
const MOST: u64 = 6 << 20;

/// The bytes of a range, up to the first that cannot be read, and to `MOST`.
fn bytes(range: Range<u64>, read: impl Fn(u64, &mut [u8]) -> usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = range.start;
    let end = range.end.min(at.saturating_add(MOST));
    let mut page = vec![0; size(PAGE)];
    while at < end {
        let part = &mut page[..size((PAGE - at % PAGE).min(end - at))];
        let n = read(at, part);
        out.extend_from_slice(&part[..n]);
        if n < part.len() {
            break;
        }
        at += n as u64;
    }
    out
}

/// /proc/PID/cmdline (Linux, fs/proc/base.c, get_mm_cmdline).
pub fn cmdline(layout: &Layout, read: impl Fn(u64, &mut [u8]) -> usize) -> Vec<u8> {
    let (arguments, environment) = (&layout.arguments, &layout.environment);
    let mut last = [0];
    if arguments.is_empty() || read(arguments.end - 1, &mut last) != 1 || last == [0] {
        return bytes(arguments.clone(), read);
    }
    // A title that is longer than the arguments were reaches into the environment, of which it is one string then.
    let end = if environment.start == arguments.end {
        environment.end.max(arguments.end)
    } else {
        arguments.end
    };
    let most = end.min(arguments.start.saturating_add(PAGE));
    let mut title = bytes(arguments.start..most, read);
    if let Some(nul) = title.iter().position(|b| *b == 0) {
        title.truncate(nul + 1);
    }
    title
}

/// /proc/PID/environ.
pub fn environ(layout: &Layout, read: impl Fn(u64, &mut [u8]) -> usize) -> Vec<u8> {
    bytes(layout.environment.clone(), read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory with these bytes at 0x1ff8, and nothing behind them.
    fn memory(bytes: &[u8]) -> impl Fn(u64, &mut [u8]) -> usize + Copy {
        move |at, to| {
            let from = bytes.get(size(at - 0x1ff8)..).unwrap_or(&[]);
            let n = from.len().min(to.len());
            to[..n].copy_from_slice(&from[..n]);
            n
        }
    }

    fn layout(arguments: Range<u64>, environment: Range<u64>) -> Layout {
        Layout {
            arguments,
            environment,
            ..Layout::default()
        }
    }

    #[test]
    fn arguments_and_environment_are_read_across_pages_as_far_as_there_is_memory() {
        let m = memory(b"one\0and two\0A=1\0");
        let l = layout(0x1ff8..0x2004, 0x2004..0x2008);
        assert_eq!(cmdline(&l, m), b"one\0and two\0");
        assert_eq!(environ(&l, m), b"A=1\0");
        let l = layout(0x1ff8..0x2004, 0x2004..0x3008);
        assert_eq!(environ(&l, m), b"A=1\0");
        assert_eq!(cmdline(&layout(0..0, 0..0), m), b"");
    }

    #[test]
    fn a_range_larger_than_all_memory_is_cut() {
        let l = layout(0x1_0000..1 << 46, 0x1_0000..1 << 46);
        let zeros = |_: u64, to: &mut [u8]| to.len();
        assert_eq!(cmdline(&l, zeros).len() as u64, MOST);
        assert_eq!(environ(&l, zeros).len() as u64, MOST);
    }

    #[test]
    fn a_title_longer_than_the_arguments_goes_on_in_the_environment() {
        let m = memory(b"a title of 18\0ds\0=1\0");
        let l = layout(0x1ff8..0x2000, 0x2000..0x200c);
        assert_eq!(cmdline(&l, m), b"a title of 18\0");
        // The environment is elsewhere.
        let l = layout(0x1ff8..0x2000, 0x2001..0x200c);
        assert_eq!(cmdline(&l, m), b"a title ");
    }
}
