//! Containers: the guest's bwrap makes one of pressure-vessel's shape (`tests/container/inside.sh`), natively and under
//! felix, and both see the same. In four combinations: the guest's root has /bin, /lib and so on merged into /usr or
//! not, and so has the root of the provider, which pressure-vessel shows as /run/host and /run/gfx.
//!
//! Which felix: as in `tests/programs.rs`. qemu-user knows no user namespaces, so all is done by root without them.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// Makes copies of the Debian root, by hard links: one as it is, and one with the directories beside /usr.
const MAKE: &str = r#"
set -eu
from=$1 to=$2
rm -rf "$to.new" "$to"
mkdir -p "$to.new"
cp -al "$from" "$to.new/merged"
cp -al "$from" "$to.new/split"
cd "$to.new/split"
for dir in bin sbin lib lib64; do
    [ -L $dir ]
    rm $dir
    mkdir $dir
done
# What was there before the merge: the shell and its friends, and the C library.
mv usr/bin/sh usr/bin/dash usr/bin/bash usr/bin/ls usr/bin/cat usr/bin/uname usr/bin/readlink bin
mkdir lib/x86_64-linux-gnu
for lib in ld-linux-x86-64 libc libm libselinux libpcre2-8; do
    mv usr/lib/x86_64-linux-gnu/$lib.so.* lib/x86_64-linux-gnu
done
rm -rf usr/lib64
ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 lib64/ld-linux-x86-64.so.2
for root in merged split; do
    mkdir -p "$to.new/$root/run/provider"
done
mv "$to.new" "$to"
"#;

/// Runs the script natively, in a mount namespace of its own: what felix shows inside by itself is mounted.
const NATIVELY: &str = r#"
set -eu
root=$1 provider=$2 script=$3
mount --bind "$root" "$root"
mount --bind "$provider" "$root/run/provider"
for dir in proc dev sys; do mount --rbind /$dir "$root/$dir"; done
exec chroot "$root" /bin/sh "$script"
"#;

fn roots() -> Result<PathBuf, String> {
    let (from, to) = (
        support::rootfs(),
        support::target_dir().join("felix-ci/containers"),
    );
    let key = std::fs::read(support::target_dir().join("felix-ci/rootfs.key")).unwrap_or_default();
    let made = to.join("key");
    // Two test runs may be at it, but not two tests.
    static LOCK: Mutex<()> = Mutex::new(());
    let _lock = LOCK.lock();
    if std::fs::read(&made).is_ok_and(|k| k == key) {
        return Ok(to);
    }
    let from = from
        .canonicalize()
        .map_err(|e| format!("{}: {e}", from.display()))?;
    let out = (Command::new("sh")
        .args(["-c", MAKE, "sh"])
        .args([&from, &to])
        .output())
    .map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(format!(
            "making the roots: {}",
            String::from_utf8_lossy(&out.stderr)
        ));
    }
    std::fs::write(made, key).map_err(|e| e.to_string())?;
    Ok(to)
}

fn check(guest: &str, provider_is: &str, cpu: Option<&str>) -> Result<(), Failed> {
    let roots = roots()?;
    let (root, provider) = (roots.join(guest), roots.join(provider_is));
    let script = support::top().join("tests/container/inside.sh");
    // Each combination has a name of its own for it: they run side by side.
    let name = format!("run/inside-{provider_is}.sh");
    std::fs::copy(&script, root.join(&name)).map_err(|e| e.to_string())?;
    let name = format!("/{name}");
    let environment = |c: &mut Command| {
        c.env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("LC_ALL", "C");
    };
    let mut native = Command::new("unshare");
    environment(&mut native);
    native
        .args(["-m", "sh", "-c", NATIVELY, "sh"])
        .args([&root, &provider])
        .arg(&name);
    let native = support::run(&mut native, b"", LIMIT)?;
    if native.code() != Some(0) || native.stdout.is_empty() {
        let said = String::from_utf8_lossy(&native.stdout);
        return Err(format!("natively {}: {said}{}", native.how(), native.stderr).into());
    }
    let mut felix = Command::new(support::felix(cpu));
    environment(&mut felix);
    support::on_cpu(&mut felix, cpu);
    let shown = format!("{}:/run/provider", provider.display());
    felix
        .args(["run", "--share=false", "--share-home=false", "--rootfs"])
        .arg(&root)
        .args(["--bind", &shown]);
    felix.args(["--", "/bin/sh", &name]);
    let felix = support::run(&mut felix, b"", LIMIT)?;
    let text = |out: &[u8]| String::from_utf8_lossy(out).into_owned();
    if felix.code() == Some(0) && felix.stdout == native.stdout {
        return Ok(());
    }
    let (a, b) = (text(&native.stdout), text(&felix.stdout));
    Err(format!(
        "natively:\n{a}\nunder felix, {}:\n{b}{}",
        felix.how(),
        felix.stderr
    )
    .into())
}

fn missing(cpu: Option<&str>) -> Option<String> {
    support::no_native_programs()
        .or_else(|| cpu.and(support::no_riscv()))
        .or_else(|| {
            let bwrap = Path::new("usr/bin/bwrap");
            (!support::rootfs().join(bwrap).exists())
                .then(|| "no bwrap in the rootfs: ci/setup.sh".into())
        })
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(2);
    let cpu = support::riscv_cpu();
    if let Some(why) = missing(cpu.as_deref()) {
        return support::left_out(&why);
    }
    if let Some(why) = support::no_mounts() {
        println!("left out, natively they cannot be made here: {why}");
        return ExitCode::SUCCESS;
    }
    let trials = ["merged", "split"]
        .into_iter()
        .flat_map(|guest| ["merged", "split"].map(|provider| (guest, provider)))
        .map(|(guest, provider)| {
            let cpu = cpu.clone();
            Trial::test(format!("guest_{guest}_provider_{provider}"), move || {
                check(guest, provider, cpu.as_deref())
            })
        })
        .collect();
    libtest_mimic::run(&args, trials).exit_code()
}
