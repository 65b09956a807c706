//! Random audit files for `tests/recount_formats.py`, which counts every figure of every format again by other means.

use crate::support::invented::invent;
use bridgebook::journal;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Makes them in folders named by their seeds.
fn invent_all(folder: &Path, count: u64) -> Vec<PathBuf> {
    let make = |seed: u64| {
        let dir = folder.join(format!("{seed:03}"));
        std::fs::create_dir_all(&dir).unwrap();
        invent(seed, &dir);
        dir
    };
    (0..count).map(make).collect()
}

#[test]
fn invented_audit_files_are_whole_or_cut_and_the_same_for_the_same_seed() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut whole = 0;
    for (dir, again) in invent_all(one.path(), 40).iter().zip(invent_all(other.path(), 40)) {
        let (audit, again) = (dir.join("audit.jsonl"), again.join("audit.jsonl"));
        assert!(std::fs::read(&audit).unwrap() == std::fs::read(again).unwrap(), "{}", audit.display());
        let checked = journal::verify(&audit, |_| {}).unwrap();
        assert_eq!((checked.damage, checked.disorder), (None, None), "{}", audit.display());
        whole += usize::from(checked.incomplete.is_none());
    }
    assert!((20..40).contains(&whole), "{whole} of 40 are whole: some must be, and some not");
}

/// Not a test by itself: it leaves the files where `BRIDGEBOOK_INVENTED` says.
#[test]
#[ignore = "made for tests/recount_formats.py, which runs it"]
fn invented_audit_files_for_the_recount() {
    let folder = PathBuf::from(std::env::var_os("BRIDGEBOOK_INVENTED").unwrap());
    let count = std::env::var("BRIDGEBOOK_INVENTED_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    invent_all(&folder, count);
}
