//! A UUID for each job of each run, made of their names alone, for APIs whose keys must be UUIDs.

use crate::model::JobNumber;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Keeps these digests apart from all others that are made of the same text.
const NAMESPACE: &str = "bridgebook job";

/// A UUID of version 8 (RFC 9562 section 5.8) over SHA-256 of the namespace, the run's id and the job's number, with a
/// line feed after each: the same for every attempt of a job, another one for each job and each run.
pub(super) fn job_uuid(run_id: &str, number: JobNumber) -> String {
    let digest = Sha256::digest(format!("{NAMESPACE}\n{run_id}\n{number}\n").as_bytes());
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        let byte = match index {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_one_uuid_and_shares_it_with_no_other() {
        let uuid = job_uuid("20261122T080102Z-4f2a9c", 7);
        assert_eq!(uuid, job_uuid("20261122T080102Z-4f2a9c", 7));
        assert_ne!(uuid, job_uuid("20261122T080102Z-4f2a9c", 8));
        assert_ne!(uuid, job_uuid("20261122T080102Z-4f2a9d", 7));
        assert_ne!(job_uuid("a-1", 1), job_uuid("a-", 11));
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
        assert!(uuid[14..].starts_with('8') && ['8', '9', 'a', 'b'].contains(&uuid.as_bytes()[19].into()), "{uuid}");
    }
}
