//! What this host offers, as a `HostIsa`.

use crate::rv64::{Assembler, Feature, HostIsa, Sew, Uimm5, Vm, Vreg, Vtype, Xreg};
use crate::sys::probe;

/// Bits of riscv_hwprobe's IMA_EXT_0 (Documentation/arch/riscv/hwprobe.rst).
const HWPROBE: &[(u32, Feature)] = &[
    (1, Feature::C),
    (3, Feature::Zba),
    (4, Feature::Zbb),
    (5, Feature::Zbs),
    (7, Feature::Zbc),
    (17, Feature::Zvbb),
    (18, Feature::Zvbc),
    (19, Feature::Zvkb),
    (21, Feature::Zvkned),
    (22, Feature::Zvknha),
    (23, Feature::Zvknhb),
    (28, Feature::Zfhmin),
    (31, Feature::Zvfhmin),
    (32, Feature::Zfa),
    (33, Feature::Ztso),
    (34, Feature::Zacas),
    (35, Feature::Zicond),
    (58, Feature::Zabha),
];
const HWPROBE_V: u32 = 2;

/// What to execute where the kernel cannot be asked. The words are what the extension's own instructions
/// look like, on registers nobody needs. Ztso changes no instruction, so it cannot be found this way.
fn trials() -> Vec<(Option<Feature>, Vec<u32>)> {
    let (t, v) = (Xreg::T0, Vreg::new(0));
    let one = |f: &dyn Fn(&mut Assembler)| {
        let mut a = Assembler::new();
        f(&mut a);
        a.finish()
            .map(|done| done.words.to_vec())
            .unwrap_or_default()
    };
    let x = |feature, f: &dyn Fn(&mut Assembler)| (Some(feature), one(f));
    let vector = |feature, f: &dyn Fn(&mut Assembler)| {
        let words = one(&|a| {
            a.vsetivli(Xreg::ZERO, Uimm5::new(4), Vtype::m1(Sew::E32));
            f(a);
        });
        (feature, words)
    };
    vec![
        x(Feature::Zba, &|a| a.sh1add(t, t, t)),
        x(Feature::Zbb, &|a| a.andn(t, t, t)),
        x(Feature::Zbs, &|a| a.bext(t, t, t)),
        x(Feature::Zbc, &|a| a.clmul(t, t, t)),
        x(Feature::Zicond, &|a| a.czero_eqz(t, t, t)),
        vector(None, &|a| a.vadd_vv(v, v, v, Vm::All)),
    ]
}

/// The features found by trying, and whether V is there.
fn tried() -> (Vec<Feature>, bool) {
    let trials = trials();
    let words: Vec<&[u32]> = trials.iter().map(|(_, w)| w.as_slice()).collect();
    let works = probe::executes(&words);
    let found = || trials.iter().zip(&works).filter(|(_, yes)| **yes);
    let features = found().filter_map(|((f, _), _)| *f).collect();
    (features, found().any(|((f, _), _)| f.is_none()))
}

/// The host's features: from riscv_hwprobe; else AT_HWCAP, /proc/cpuinfo and trying. On a host that is
/// not RISC-V: none.
#[must_use]
pub fn probe() -> HostIsa {
    if !cfg!(target_arch = "riscv64") {
        return HostIsa::default();
    }
    let (mut isa, v) = match probe::hwprobe_extensions() {
        Some(bits) => {
            let has = |bit: &u32| bits >> bit & 1 != 0;
            let found = HWPROBE.iter().filter(|(bit, _)| has(bit));
            (
                found.fold(HostIsa::default(), |isa, (_, f)| isa.with(*f)),
                has(&HWPROBE_V),
            )
        }
        None => {
            let letter = |c: u8| probe::hwcap() >> (c - b'a') & 1 != 0;
            let text = crate::sys::proc::read("cpuinfo").unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let isa = if letter(b'c') {
                HostIsa::GC
            } else {
                HostIsa::default()
            };
            let (works, v) = tried();
            let named = isa_line(&text);
            let all = named.into_iter().chain(works);
            (all.fold(isa, HostIsa::with), letter(b'v') || v)
        }
    };
    if v {
        isa = isa.with_vlen(probe::vlen());
    }
    isa
}

/// The features that every hart's `isa` line of /proc/cpuinfo names.
fn isa_line(text: &str) -> Vec<Feature> {
    let mut lines = text.lines().filter_map(|l| {
        let (key, value) = l.split_once(':')?;
        (key.trim() == "isa").then(|| value.trim().split('_').collect::<Vec<_>>())
    });
    let Some(first) = lines.next() else {
        return Vec::new();
    };
    let rest: Vec<_> = lines.collect();
    let everywhere =
        |f: &Feature| first.contains(&f.name()) && rest.iter().all(|l| l.contains(&f.name()));
    Feature::ALL.iter().copied().filter(everywhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpuinfo_names_what_all_harts_have() {
        let text = "hart : 0\nisa : rv64imafdc_zicsr_zba_zbb\n\nhart : 1\nisa : rv64imafdc_zba\n";
        assert_eq!(isa_line(text), [Feature::Zba]);
        assert_eq!(isa_line("model name : x86"), []);
    }
}
