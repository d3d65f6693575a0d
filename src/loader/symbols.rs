//! Names for addresses in ELF files: what profiles and perf maps call guest code.
//!
//! Computation on a file's bytes, whatever they are: a file that is not understood has no names.

use goblin::elf::Elf;
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::sym::{STT_FUNC, STT_GNU_IFUNC};

/// The functions of one file, by the addresses the file itself uses.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Loaded parts: offset in the file, length, address.
    segments: Vec<(u64, u64, u64)>,
    /// Address, size, name; sorted.
    functions: Vec<(u64, u64, String)>,
}

impl Symbols {
    /// The symbols of .symtab and .dynsym.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Symbols {
        let Ok(elf) = Elf::parse(bytes) else {
            return Symbols::default();
        };
        let segments = elf
            .program_headers
            .iter()
            .filter(|p| p.p_type == PT_LOAD)
            .map(|p| (p.p_offset, p.p_filesz, p.p_vaddr))
            .collect();
        let static_ones = elf.syms.iter().map(|s| (s, &elf.strtab));
        let dynamic_ones = elf.dynsyms.iter().map(|s| (s, &elf.dynstrtab));
        let mut functions: Vec<(u64, u64, String)> = static_ones
            .chain(dynamic_ones)
            .filter(|(s, _)| matches!(s.st_type(), STT_FUNC | STT_GNU_IFUNC) && s.st_size > 0)
            .filter_map(|(s, names)| {
                let name = names.get_at(s.st_name)?;
                Some((s.st_value, s.st_size, name.to_owned()))
            })
            .collect();
        functions.sort();
        functions.dedup_by_key(|f| f.0);
        Symbols {
            segments,
            functions,
        }
    }

    /// The file's own address of the byte at this offset of it.
    #[must_use]
    pub fn address(&self, offset: u64) -> Option<u64> {
        let (start, _, at) = self
            .segments
            .iter()
            .find(|(start, len, _)| offset.checked_sub(*start).is_some_and(|d| d < *len))?;
        Some(at.wrapping_add(offset - start))
    }

    /// The function that contains this address, and how far into it the address is.
    #[must_use]
    pub fn function(&self, address: u64) -> Option<(&str, u64)> {
        let behind = self.functions.partition_point(|f| f.0 <= address);
        let (start, size, name) = self.functions.get(behind.checked_sub(1)?)?;
        (address - start < *size).then_some((name, address - start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_file_has_no_names() {
        let s = Symbols::parse(b"\x7fELF and so on");
        assert_eq!((s.address(0), s.function(0)), (None, None));
    }

    #[test]
    fn a_function_of_this_test_has_its_name() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let s = Symbols::parse(&file);
        let (start, _, name) = s.functions.iter().find(|f| f.2 == "main").unwrap();
        assert_eq!(s.function(start + 1), Some((name.as_str(), 1)));
        assert!(s.segments.iter().any(|(_, _, at)| at <= start));
    }
}
