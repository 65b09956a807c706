//! Keys and signatures as `openssl` makes them: what is not ours must agree with us.

use super::repository;
use std::path::Path;
use std::process::{Command, Output};

/// Runs it in a folder; it must succeed.
#[track_caller]
pub(crate) fn openssl(folder: &Path, args: &str) -> Vec<u8> {
    let Output { status, stdout, stderr } =
        Command::new("openssl").args(args.split(' ')).current_dir(folder).output().unwrap();
    assert!(status.success(), "openssl {args}: {}", String::from_utf8_lossy(&stderr));
    stdout
}

/// A private key `NAME.pem` for its owner only, and its public key `NAME.pub`.
pub(crate) fn key(folder: &Path, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    openssl(folder, &format!("genpkey -algorithm ed25519 -out {name}.pem"));
    std::fs::set_permissions(folder.join(format!("{name}.pem")), std::fs::Permissions::from_mode(0o600)).unwrap();
    openssl(folder, &format!("pkey -in {name}.pem -pubout -out {name}.pub"));
}

/// What `examples/verify_audit.py` says of these arguments, and whether it finds nothing wrong.
pub(crate) fn script(folder: &Path, args: &[&str]) -> (bool, String) {
    let script = repository("examples/verify_audit.py");
    let output = Command::new("python3").arg(script).args(args).current_dir(folder).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}
