//! `felix dump`: what a sequence of instructions becomes, stage by stage.

use super::DumpArgs;
use crate::error::Error;
use crate::ir::{Region, verify};
use crate::lift::region::decode;
use crate::lift::{Fetch, Limits, translate};
use crate::lower::{FpMode, lower};
use crate::opt::optimize;
use crate::rv64::{HostIsa, listing};
use crate::x86::{GuestAddr, MemFault, MemFaultKind};
use iced_x86::{Formatter, IntelFormatter};

/// Where the bytes are taken to lie.
const START: u64 = 0x40_1000;

/// The bytes to translate; nothing else is mapped.
struct Bytes(Vec<u8>);

impl Fetch for Bytes {
    fn fetch(&self, addr: GuestAddr, buf: &mut [u8]) -> Result<usize, MemFault> {
        let offset = usize::try_from(addr.0.wrapping_sub(START)).unwrap_or(usize::MAX);
        let rest = self.0.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            let kind = MemFaultKind::NotMapped;
            return Err(MemFault {
                addr,
                write: false,
                fetch: true,
                kind,
            });
        }
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

fn input(args: &DumpArgs) -> Result<Bytes, Error> {
    if let Some(path) = &args.file {
        return std::fs::read(path)
            .map(Bytes)
            .map_err(|source| Error::Host {
                what: format!("reading {}", path.display()),
                source,
            });
    }
    let text: String = args
        .bytes
        .iter()
        .flat_map(|t| t.chars())
        .filter(|c| !c.is_whitespace())
        .collect();
    let byte = |i: usize| {
        text.get(i..i + 2)
            .and_then(|t| u8::from_str_radix(t, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    match bytes {
        Some(b) if !b.is_empty() => Ok(Bytes(b)),
        _ => Err(Error::Usage(format!(
            "--bytes {text}: write two hexadecimal digits a byte"
        ))),
    }
}

/// The instructions as text.
fn instructions(bytes: &Bytes) -> String {
    let mut out = String::new();
    let mut formatter = IntelFormatter::new();
    let mut at = GuestAddr(START);
    while let Ok(insn) = decode(bytes, at) {
        let mut text = String::new();
        formatter.format(&insn, &mut text);
        out.push_str(&format!("{at}  {text}\n"));
        at = GuestAddr(insn.next_ip());
    }
    out
}

/// Shows what a sequence becomes: the stage asked for, or all of them.
pub(super) fn dump(args: &DumpArgs) -> Result<(), Error> {
    let bytes = input(args)?;
    let isa = match &args.host_isa {
        Some(list) => list
            .parse::<HostIsa>()
            .map_err(|e| Error::Usage(format!("--host-isa {list}: {e}")))?,
        None => "gc,zba,zbb,zbs,v128".parse().expect("a valid list"),
    };
    let mut region: Region =
        translate(&bytes, GuestAddr(START), Limits::default()).map_err(|fault| {
            Error::Usage(format!(
                "the bytes end inside their first instruction: {fault:?}"
            ))
        })?;
    optimize(&mut region);
    if let Err(e) = verify(&region) {
        return Err(Error::Usage(format!(
            "felix's own error, please report it: {e}\n{region}"
        )));
    }
    let all = !args.ir && !args.rv64;
    let mut text = String::new();
    if all {
        text.push_str(&instructions(&bytes));
        text.push('\n');
    }
    if all || args.ir {
        text.push_str(&region.to_string());
    }
    if all || args.rv64 {
        match lower(&region, isa, FpMode::Usual) {
            Ok(t) => {
                if all {
                    text.push_str(&format!("\n{isa}\n"));
                }
                text.push_str(&listing(&t.code));
            }
            Err(e) => return Err(Error::Usage(format!("not lowered as one region: {e:?}"))),
        }
    }
    super::print(&text)
}
