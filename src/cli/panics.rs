//! What a panic may say: where it happened, and the words that stand in the source.
//!
//! Words that were made at run time hold values: of a row, an answer, a secret. They are never printed.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;

/// Puts our words in the place of the standard ones, in every thread.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let mut words = words(info);
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            // Names of functions and places in the source.
            words = format!("{words}\n{trace}");
        }
        // There may be no stderr any more, and a panic within a panic would end the process.
        let _ = writeln!(std::io::stderr().lock(), "{words}");
    }));
}

fn words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let said = info
        .payload()
        .downcast_ref::<&'static str>()
        .map_or("(its words may hold data, and are not shown)", |said| said);
    let thread = std::thread::current();
    format!("internal error in thread {} at {place}: {said}", thread.name().unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    const CANARY: &str = "+12025550137";
    /// Set for the child alone.
    const CHILD: &str = "BRIDGEBOOK_TEST_PANICS";

    /// Not a test by itself: what the child process of the next one does.
    #[test]
    fn panics_on_purpose() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        super::install();
        let number = std::env::var(CHILD).unwrap_or_default();
        for thread in [
            std::thread::Builder::new().name("first".to_owned()).spawn({
                let number = number.clone();
                move || panic!("no route to {number}")
            }),
            std::thread::Builder::new().spawn(move || std::panic::panic_any(format!("no route to {number}"))),
            std::thread::Builder::new().spawn(|| panic!("words of the source")),
        ] {
            assert!(thread.unwrap_or_else(|e| panic!("{e}")).join().is_err());
        }
    }

    #[test]
    fn a_panic_shows_its_place_and_no_data() {
        let child = Command::new(std::env::current_exe().unwrap_or_else(|e| panic!("{e}")))
            .args(["cli::panics::tests::panics_on_purpose", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, CANARY)
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap_or_else(|e| panic!("{e}"));
        let said = String::from_utf8_lossy(&[child.stdout, child.stderr].concat()).into_owned();
        assert!(child.status.success(), "{said}");
        assert!(said.contains("internal error in thread first at src/cli/panics.rs"), "{said}");
        assert!(said.contains("words of the source"), "{said}");
        assert_eq!(said.matches("are not shown").count(), 2, "{said}");
        assert!(!said.contains(&CANARY[1..]), "{said}");
    }
}
