//! Reads the text that `Display` for `Region` writes.

use super::{Block, BlockId, IndirectKind, Inst, Op, Region, Target, Term, Value, Var};
use crate::x86::{GuestAddr, Trap, Width};

/// What is wrong with a text, and in which line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;
type Result<T> = std::result::Result<T, String>;

/// Parses a region. The result is not verified.
///
/// # Errors
/// If the text is not of the printed form.
pub fn parse_region(text: &str) -> std::result::Result<Region, ParseError> {
    let mut region = Region {
        blocks: Vec::new(),
        pool: Vec::new(),
        source: Vec::new(),
        guest_insns: 0,
    };
    for (n, line) in text.lines().enumerate() {
        parse_line(&mut region, line).map_err(|what| ParseError { line: n + 1, what })?;
    }
    Ok(region)
}

fn parse_line(region: &mut Region, line: &str) -> Result<()> {
    let mut words = line.split_whitespace().peekable();
    let Some(&first) = words.peek() else {
        return Ok(());
    };
    match first {
        "source" => {
            words.next();
            let start = GuestAddr(number(&mut words)?);
            let len = u32::try_from(number(&mut words)?).map_err(|e| e.to_string())?;
            region.source.push((start, len));
        }
        "insns" => {
            words.next();
            region.guest_insns = u32::try_from(number(&mut words)?).map_err(|e| e.to_string())?;
        }
        "pool" => {
            words.next();
            let hex = words.next().ok_or("16 bytes expected")?;
            let mut bytes = [0; 16];
            for (i, b) in bytes.iter_mut().enumerate() {
                let pair = hex.get(2 * i..2 * i + 2).ok_or("16 bytes expected")?;
                *b = u8::from_str_radix(pair, 16).map_err(|e| e.to_string())?;
            }
            region.pool.push(bytes);
        }
        _ if line.starts_with('b') && line.ends_with(':') => {
            words.next();
            let addr = words
                .next()
                .ok_or("address expected")?
                .trim_end_matches(':');
            let term = Term::Trap {
                trap: Trap::InvalidOpcode,
                rip: GuestAddr(0),
            };
            let addr = GuestAddr(parse_number(addr)?);
            let entry = line.ends_with(" entry:");
            region.blocks.push(Block {
                addr,
                entry,
                insts: Vec::new(),
                term,
            });
        }
        _ => {
            let block = region
                .blocks
                .last_mut()
                .ok_or("no block before this line")?;
            if let Some(term) = parse_term(&mut words.clone())? {
                block.term = term;
            } else {
                let inst = parse_inst(&mut words, block.insts.len())?;
                block.insts.push(inst);
            }
        }
    }
    Ok(())
}

fn parse_number(s: &str) -> Result<u64> {
    match s.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => s.parse(),
    }
    .map_err(|e| format!("{s}: {e}"))
}

fn number(words: &mut Words<'_>) -> Result<u64> {
    parse_number(words.next().ok_or("number expected")?)
}

fn value(words: &mut Words<'_>) -> Result<Value> {
    let w = words
        .next()
        .and_then(|w| w.strip_prefix('v'))
        .ok_or("value expected")?;
    w.parse().map(Value).map_err(|e| format!("v{w}: {e}"))
}

fn target(words: &mut Words<'_>) -> Result<Target> {
    match words.next() {
        Some("exit") => Ok(Target::Exit(GuestAddr(number(words)?))),
        Some(w) if w.starts_with('b') => w[1..]
            .parse()
            .map(|n| Target::Block(BlockId(n)))
            .map_err(|e| format!("{w}: {e}")),
        _ => Err("block or exit expected".into()),
    }
}

fn parse_term(words: &mut Words<'_>) -> Result<Option<Term>> {
    Ok(Some(match words.next().unwrap_or_default() {
        "jump" => Term::Jump(target(words)?),
        "call" => {
            let target = target(words)?;
            words.next();
            Term::Call {
                target,
                ret: GuestAddr(number(words)?),
            }
        }
        "branch" => {
            let cond = value(words)?;
            let taken = target(words)?;
            words.next();
            Term::Branch {
                cond,
                taken,
                other: target(words)?,
            }
        }
        "indirect" => {
            let addr = value(words)?;
            let called = words.next() == Some("ret");
            let place = GuestAddr(number(words)?);
            let kind = if called {
                IndirectKind::Call { ret: place }
            } else {
                IndirectKind::Jump { at: place }
            };
            Term::Indirect { addr, kind }
        }
        "return" => {
            let addr = value(words)?;
            words.next();
            let at = GuestAddr(number(words)?);
            words.next();
            let pop = u32::try_from(number(words)?).map_err(|e| e.to_string())?;
            let kind = IndirectKind::Ret { at, pop };
            Term::Indirect { addr, kind }
        }
        "syscall" => Term::Syscall {
            next: GuestAddr(number(words)?),
        },
        "trap" => {
            let name = words.next().unwrap_or_default();
            let trap = (1..=9)
                .filter_map(Trap::from_u8)
                .find(|t| t.name() == name)
                .ok_or_else(|| format!("no trap {name}"))?;
            Term::Trap {
                trap,
                rip: GuestAddr(number(words)?),
            }
        }
        _ => return Ok(None),
    }))
}

fn parse_inst(words: &mut Words<'_>, position: usize) -> Result<Inst> {
    let mut first = words.next().unwrap_or_default();
    if let Some(v) = first
        .strip_prefix('v')
        .and_then(|n| n.parse::<usize>().ok())
    {
        if v != position || words.next() != Some("=") {
            return Err(format!("v{position} = expected"));
        }
        first = words.next().unwrap_or_default();
    }
    let (name, width) = first.rsplit_once('.').ok_or("operation.width expected")?;
    let op = Op::by_name(name).ok_or_else(|| format!("no operation {name}"))?;
    let w = Width::ALL
        .into_iter()
        .find(|w| w.to_string() == width)
        .ok_or_else(|| format!("no width {width}"))?;
    let mut inst = Inst::new(op, w);
    if matches!(op, Op::Get | Op::Set) {
        let name = words.next().unwrap_or_default();
        inst.imm = Var::by_name(name)
            .ok_or_else(|| format!("no variable {name}"))?
            .encode();
    }
    let mut args = 0;
    while let Some(&word) = words.peek() {
        if word.starts_with('v') {
            *inst.args.get_mut(args).ok_or("too many arguments")? = value(words)?;
            args += 1;
            continue;
        }
        words.next();
        if let Some(imm) = word.strip_prefix('#') {
            inst.imm = parse_number(imm)?;
        } else if let Some(aux) = word.strip_prefix('@') {
            inst.aux = aux.parse().map_err(|e| format!("{aux}: {e}"))?;
        } else if word == "lazy" {
            inst.lazy = true;
        } else {
            return Err(format!("unexpected {word}"));
        }
    }
    Ok(inst)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
source 0x1000 7
insns 2
pool 000102030405060708090a0b0c0d0e0f
b0 0x1000 entry:
  insn.64 #0x1000 @3
    v1 = get.64 rax
    v2 = const.64 #0x5
    v3 = add.32 v1 v2
    v4 = fl.add.32 v1 v2
    set.64 rax v3
    set.64 flags v4 lazy
    v7 = cond.64 v4 @4
    branch v7 b1 else exit 0x1007
b1 0x1003:
    v0 = const.64
    return v0 at 0x1003 pop 8
";

    #[test]
    fn what_is_printed_parses_to_the_same_region() {
        let region = parse_region(TEXT).unwrap();
        assert_eq!(region.to_string(), TEXT);
        super::super::verify(&region).unwrap();
    }

    #[test]
    fn a_wrong_line_is_named() {
        let e = parse_region("b0 0x0:\n    v0 = frobnicate.64\n").unwrap_err();
        assert_eq!(e.to_string(), "line 2: no operation frobnicate");
    }
}
