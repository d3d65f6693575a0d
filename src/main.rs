//! The felix command.

fn main() -> std::process::ExitCode {
    felix::cli::main()
}
