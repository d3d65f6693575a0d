//! Replays the recorded cases: `corpus/insn` (for every row of the instruction table) and
//! `corpus/regress` (the smallest case of each fixed bug). No oracle is asked; what one said when the
//! case was recorded is in the file.
//!
//! Without FELIX_TEST_CPU on the portable engine, in this process; with it on the JIT, in the
//! cross-built felix under qemu-riscv64 with that CPU (frames: `felix::replay::worker`). Also here,
//! because a process has only one such memory: random bytes as code.

mod support;

use felix::exec::cold::ColdEngine;
use felix::exec::interp::InterpEngine;
use felix::interp::direct::flags_used_in_time;
use felix::lift::{self, ROWS};
use felix::lower::FpMode;
use felix::replay::worker::{Code, Job, greeting, read_frame, write_frame};
use felix::replay::{After, Case, CaseCode, CaseMemory, Machine};
use felix::replay::{CODE, HexBytes, Registers};
use felix::x86::{CpuState, GuestAddr};
use libtest_mimic::{Arguments, Failed, Trial};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use support::Draw;

/// Something that runs cases; None if the case brought it down.
trait Engine: Send {
    fn run(&mut self, case: &Case) -> io::Result<Option<After>>;
}

/// The portable engine, and the one for cold code, which must agree.
struct Interp {
    machine: Machine,
    engine: InterpEngine,
    cold: ColdEngine,
}

impl Interp {
    fn new() -> io::Result<Interp> {
        felix::sys::fault::install()?;
        Ok(Interp {
            machine: Machine::new()?,
            engine: InterpEngine::new(Arc::new(CaseMemory)),
            cold: ColdEngine::new(Arc::new(CaseMemory)),
        })
    }
}

impl Engine for Interp {
    fn run(&mut self, case: &Case) -> io::Result<Option<After>> {
        let portable = self.machine.run(&mut self.engine, case);
        let cold = self.machine.run(&mut self.cold, case);
        if cold != portable {
            eprintln!("cold code differs: {cold:?}");
        }
        // What is wrong in either is reported.
        Ok(Some(if cold == portable { portable } else { cold }))
    }
}

/// The JIT, both ways of making code: a `felix worker` under qemu.
struct Jit {
    cpu: String,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Jit {
    fn new(cpu: &str) -> io::Result<Jit> {
        let mut process = Command::new(support::top().join("riscv-qemu/run.sh"))
            .arg("worker")
            // UD1 and UD2 have rows too; that they are undefined is no news.
            .env("FELIX_LOG", "error")
            .env("QEMU_CPU", cpu)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut jit = Jit {
            cpu: cpu.to_owned(),
            process,
            input,
            output: BufReader::new(output),
        };
        greeting(&mut jit.output)?;
        Ok(jit)
    }

    fn exchange(&mut self, case: &Case, code: Code) -> io::Result<Option<After>> {
        let job = Job {
            case: Cow::Borrowed(case),
            code,
        };
        let mut frame = Vec::new();
        write_frame(&mut frame, &vec![job])?;
        self.input.write_all(&frame)?;
        let answers: Option<Vec<After>> = read_frame(&mut self.output)?;
        Ok(answers.and_then(|mut a| a.pop()))
    }
}

impl Drop for Jit {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Engine for Jit {
    fn run(&mut self, case: &Case) -> io::Result<Option<After>> {
        let optimised = self.exchange(case, Code::Optimised);
        let baseline = self.exchange(case, Code::Baseline);
        match (optimised, baseline) {
            (Ok(Some(optimised)), Ok(Some(baseline))) => {
                let same = without_denormal(case, &baseline) == without_denormal(case, &optimised);
                if !same {
                    eprintln!("code made one by one differs: {baseline:?}");
                }
                // What is wrong in either is reported.
                Ok(Some(if same { optimised } else { baseline }))
            }
            _ => {
                *self = Jit::new(&self.cpu.clone())?;
                Ok(None)
            }
        }
    }
}

/// MXCSR's denormal flag.
const DE: u32 = 2;

/// What comes out of a case on an engine that does not set DE in its usual mode: RISC-V has no such
/// flag (src/lower/vector/mod.rs says when it is set). A flag that was set before must stay so.
fn without_denormal(case: &Case, after: &After) -> After {
    let mut after = after.clone();
    let before = case.before.mxcsr;
    if FpMode::of(before) == FpMode::Usual && before & DE == 0 {
        after.registers.mxcsr &= !DE;
    }
    after
}

type Shared = Arc<Mutex<Box<dyn Engine>>>;

fn cases(file: &Path) -> Result<Vec<Case>, Failed> {
    let text = fs::read_to_string(file)?;
    let cases: Vec<Case> =
        match serde_json::from_str(&text) {
            Ok(cases) => cases,
            Err(array) => vec![serde_json::from_str(&text).map_err(|one| {
                format!("neither an array of cases ({array}) nor one case ({one})")
            })?],
        };
    if cases.is_empty() {
        return Err("no case in the file".into());
    }
    Ok(cases)
}

fn replay(file: &Path, engine: &Shared) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let mut engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
    for (n, case) in cases(file)?.iter().enumerate() {
        if let Err(block) = flags_in_time(case) {
            return Err(
                format!("case {n}: the engine for cold code reads other flags:\n{block}").into(),
            );
        }
        let Some(expected) = &case.after else {
            return Err(format!("case {n} does not say what must come out").into());
        };
        let differences = match engine.run(case)? {
            Some(after) if support::riscv_cpu().is_some() => without_denormal(case, &after)
                .differences(&without_denormal(case, expected), case.undefined_flags.0),
            Some(after) => after.differences(expected, case.undefined_flags.0),
            None => vec!["it brought the engine's process down".to_owned()],
        };
        if !differences.is_empty() {
            wrong.push(format!(
                "case {n}: {} {}\n  {}",
                case.about,
                case.listing.join("; "),
                differences.join("\n  ")
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let how = "what differs: ours, then what was recorded; one page each: \
               cargo run --release -p harness -- replay";
    let name = file.strip_prefix(support::top()).unwrap_or(file);
    Err(format!("{}\n{how} {}", wrong.join("\n"), name.display()).into())
}

/// What `interp::direct` relies on: lifted code uses the flags it got before it sets others.
fn flags_in_time(case: &Case) -> Result<(), String> {
    let at = GuestAddr(case.before.rip.0);
    let Ok(region) = lift::translate(&CaseCode::of(case), at, lift::Limits::default()) else {
        return Ok(());
    };
    match region.blocks.iter().find(|b| !flags_used_in_time(&b.insts)) {
        Some(block) => Err(block.to_string()),
        None => Ok(()),
    }
}

/// Random bytes as code: every case ends in a fault or a system call, or is stopped at the first loop
/// or jump that asks; never in a panic.
fn random_code(engine: &mut Interp) -> Result<(), Failed> {
    let mut draw = Draw(7);
    let mut vectors = BTreeSet::new();
    for _ in 0..20_000 {
        let mut bytes = vec![0; 16 + draw.below(48)];
        bytes.fill_with(|| draw.next().to_le_bytes()[0]);
        if forever(&bytes) {
            continue;
        }
        let cpu = CpuState {
            gpr: std::array::from_fn(|_| draw.next() >> draw.below(64)),
            rip: CODE + draw.next() % 64,
            ..CpuState::default()
        };
        let case = Case {
            about: String::new(),
            listing: Vec::new(),
            code: HexBytes(bytes),
            before: Registers::of(&cpu),
            memory: draw.next() % 64,
            patches: Vec::new(),
            undefined_flags: felix::replay::Hex64(0),
            after: None,
        };
        let after = engine.machine.run(&mut engine.engine, &case);
        let cold = engine.machine.run(&mut engine.cold, &case);
        if cold != after {
            return Err(format!("cold code differs: {case:?}\n{after:?}\n{cold:?}").into());
        }
        vectors.insert(after.stop.vector);
    }
    // Were it always the same end, this would test nothing.
    for wanted in [3, 6, 13, 14] {
        if !vectors.contains(&wanted) {
            return Err(format!("no case ended in vector {wanted}, only {vectors:?}").into());
        }
    }
    Ok(())
}

/// Whether bytes could make a loop: nothing stops one here. Short backward branches at any offset,
/// indirect jumps, and repeated string instructions.
fn forever(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|w| match w[0] {
        0x70..=0x7f | 0xe0..=0xe3 | 0xeb => w[1] >= 0x80,
        0xe8 | 0xe9 | 0xc2 | 0xc3 | 0xff | 0xf2 | 0xf3 => true,
        0x0f => (0x80..0x90).contains(&w[1]),
        _ => false,
    })
}

fn json_files(dir: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            json_files(&path, out)?;
        } else if path.extension().is_some_and(|e| e == "json") {
            out.push(path);
        }
    }
    Ok(())
}

/// Rows whose encodings the generator all leaves out (`generated` in harness/src/generate.rs): far
/// pointers. Their cases are by hand, in corpus/regress; loads of a descriptor table are #GP whatever the
/// operand.
const NOT_GENERATED: &[&str] = &[
    "Lgdt", "Lidt", "Lfs", "Lgs", "Lss", "Retf", "Iret", "Iretd", "Iretq",
];

/// Mnemonics that no oracle can be asked about: the generator's own list, so that there is only one.
fn excluded() -> Result<Vec<String>, Failed> {
    let source = fs::read_to_string(support::top().join("harness/src/generate.rs"))?;
    let list = source
        .split_once("const EXCLUDED: &[Mnemonic] = &[")
        .and_then(|(_, rest)| rest.split_once("];"))
        .ok_or("harness/src/generate.rs has no EXCLUDED list any more: change this test")?;
    let lines = list.0.lines().map(str::trim);
    let names = lines.filter_map(|l| l.strip_prefix("Mnemonic::")?.strip_suffix(','));
    Ok(names.map(str::to_owned).collect())
}

/// Every row of the instruction table has recorded cases, and every file a row.
fn every_row_is_recorded(corpus: &Path, files: &[PathBuf]) -> Result<(), Failed> {
    let excluded = excluded()?;
    let file = |row: &felix::lift::Row| {
        let name = format!("{:?}.json", row.mnemonic).to_lowercase();
        corpus.join(row.family.name()).join(name)
    };
    let mut wrong = Vec::new();
    for row in ROWS {
        let name = format!("{:?}", row.mnemonic);
        let excepted = excluded.contains(&name) || NOT_GENERATED.contains(&name.as_str());
        match (excepted, file(row).exists()) {
            (false, false) => wrong.push(format!("{name}: no {}", file(row).display())),
            (true, true) => wrong.push(format!("{name}: excepted, and yet has cases")),
            _ => {}
        }
    }
    let known: BTreeSet<PathBuf> = ROWS.iter().map(file).collect();
    for f in files.iter().filter(|f| f.starts_with(corpus)) {
        if !known.contains(f) {
            wrong.push(format!("{}: there is no such row", f.display()));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let help = "record: cargo run --release -p harness -- record --only MNEMONIC";
    Err(format!("{}\n{help}", wrong.join("\n")).into())
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&args, trials).exit_code(),
        Err(e) => {
            eprintln!("the corpus cannot be replayed: {e}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>, String> {
    // FELIX_CORPUS: to replay a corpus that is elsewhere.
    let corpus =
        std::env::var_os("FELIX_CORPUS").map_or(support::top().join("corpus"), PathBuf::from);
    let insn = corpus.join("insn");
    let mut files = Vec::new();
    for dir in [insn.clone(), corpus.join("regress")] {
        if dir.is_dir() {
            json_files(&dir, &mut files).map_err(|e| format!("{}: {e}", dir.display()))?;
        }
    }
    files.sort();
    let mut trials = Vec::new();
    let cpu = support::riscv_cpu();
    let engine: Shared = if let Some(cpu) = &cpu {
        if let Some(why) = support::no_riscv() {
            return Err(why);
        }
        let jit = Jit::new(cpu).map_err(|e| format!("starting the worker: {e}"))?;
        Arc::new(Mutex::new(Box::new(jit)))
    } else {
        let fail = |e: io::Error| format!("mapping the memory of test cases: {e}");
        let random = Interp::new().map_err(fail)?;
        let shared = Arc::new(Mutex::new(random));
        let own = Arc::clone(&shared);
        trials.push(Trial::test("random-bytes-as-code", move || {
            random_code(&mut own.lock().unwrap_or_else(PoisonError::into_inner))
        }));
        Arc::new(Mutex::new(Box::new(SharedInterp(shared))))
    };
    for file in &files {
        let name = file
            .strip_prefix(&corpus)
            .unwrap_or(file)
            .with_extension("");
        let (file, engine) = (file.clone(), Arc::clone(&engine));
        trials.push(Trial::test(name.display().to_string(), move || {
            replay(&file, &engine)
        }));
    }
    trials.push(Trial::test("every-row-is-recorded", move || {
        every_row_is_recorded(&insn, &files)
    }));
    Ok(trials)
}

/// The one portable engine of this process, which the random-bytes test uses as well.
struct SharedInterp(Arc<Mutex<Interp>>);

impl Engine for SharedInterp {
    fn run(&mut self, case: &Case) -> io::Result<Option<After>> {
        let mut interp = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        interp.run(case)
    }
}
