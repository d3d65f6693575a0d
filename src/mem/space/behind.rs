//! What the host's /proc/self/maps says is behind the guest's mappings. Knows nothing of the guest's map.

use std::collections::BTreeMap;

/// How /proc/PID/maps marks a file that has no name any more.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// What the host says is behind a mapping.
pub(super) struct Behind<'a> {
    pub(super) end: u64,
    pub(super) id: (u32, u32, u64),
    pub(super) name: &'a [u8],
}

/// The named lines of the host's /proc/self/maps, by start.
pub(super) fn host_names(maps: &[u8]) -> BTreeMap<u64, Behind<'_>> {
    let line = |l: &'_ [u8]| -> Option<(u64, u64, (u32, u32, u64))> {
        let text = std::str::from_utf8(&l[..l.len().min(73)]).ok()?;
        let mut fields = text.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (major, minor) = fields.nth(2)?.split_once(':')?;
        let hex = |t: &str| u64::from_str_radix(t, 16).ok();
        let small = |t: &str| u32::from_str_radix(t, 16).ok();
        let id = (small(major)?, small(minor)?, fields.next()?.parse().ok()?);
        Some((hex(start)?, hex(end)?, id))
    };
    (maps.split(|b| *b == b'\n'))
        .filter(|l| l.len() > 73)
        .filter_map(|l| {
            let (start, end, id) = line(l)?;
            Some((
                start,
                Behind {
                    end,
                    id,
                    name: &l[73..],
                },
            ))
        })
        .collect()
}
