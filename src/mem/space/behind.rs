//! What the host's /proc/PID/maps says is behind the guest's mappings. Knows nothing of the guest's map.

use std::collections::BTreeMap;
use std::ops::Range;

/// How /proc/PID/maps marks a file that has no name any more.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// Device, major and minor, and inode.
type Identity = (u32, u32, u64);

/// What the host says is behind a mapping.
pub(super) struct Behind<'a> {
    pub(super) end: u64,
    pub(super) id: Identity,
    /// In the file, of the first byte.
    pub(super) offset: u64,
    pub(super) name: &'a [u8],
}

/// The named lines of the host's /proc/PID/maps, by start.
pub(super) fn host_names(maps: &[u8]) -> BTreeMap<u64, Behind<'_>> {
    let line = |l: &'_ [u8]| -> Option<(Range<u64>, u64, Identity)> {
        let text = std::str::from_utf8(&l[..l.len().min(73)]).ok()?;
        let mut fields = text.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let offset = fields.nth(1)?;
        let (major, minor) = fields.next()?.split_once(':')?;
        let hex = |t: &str| u64::from_str_radix(t, 16).ok();
        let small = |t: &str| u32::from_str_radix(t, 16).ok();
        let id = (small(major)?, small(minor)?, fields.next()?.parse().ok()?);
        Some((hex(start)?..hex(end)?, hex(offset)?, id))
    };
    (maps.split(|b| *b == b'\n'))
        .filter(|l| l.len() > 73)
        .filter_map(|l| {
            let (range, offset, id) = line(l)?;
            Some((
                range.start,
                Behind {
                    end: range.end,
                    id,
                    offset,
                    name: &l[73..],
                },
            ))
        })
        .collect()
}
