//! Repeats what a fuzzer found, in the ordinary build: `cargo xtask fuzz TARGET INPUT`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, inputs @ ..] = &*arguments else {
        eprintln!("Usage: repeat TARGET INPUT...");
        return ExitCode::from(2);
    };
    let Some(target) = cloakroom_fuzz::target(target) else {
        eprintln!("there is no target {target:?}; there are: {}", cloakroom_fuzz::names());
        return ExitCode::from(2);
    };
    for input in inputs {
        let bytes = match std::fs::read(input) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("{input}: {error}");
                return ExitCode::from(2);
            }
        };
        target(&bytes);
        println!("{input}: as it should be");
    }
    ExitCode::SUCCESS
}
