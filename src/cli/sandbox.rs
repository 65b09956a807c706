//! The simulator beside a run: a thread of its own on a loopback port, gone with the run.

use super::exit::Exit;
use super::failure::Failure;
use crate::model::{ApiSurface, CredentialName, Credentials, Duplicates, Legs, Runbook, Secret};
use crate::profile::Profile;
use crate::simulator::{Script, Simulator};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A running simulator; dropping it stops it.
pub(super) struct Sandbox {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Reads a fault script.
pub(super) fn script(path: &Path) -> Result<Script, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::InputMissing, format!("{}: {error}", path.display())))?;
    Script::parse(&text).map_err(|error| Failure::new(Exit::Invalid, format!("{}: {error}", path.display())))
}

/// The script of a rehearsal without one. A runbook that means to bridge a call several times may.
pub(super) fn rehearsal(runbook: &Runbook) -> Script {
    let splits = runbook.sets.iter().any(|set| set.legs == Legs::Split);
    let repeats = runbook.guards.duplicates == Duplicates::Allow;
    if splits || repeats { Script::rehearsal().rebridging() } else { Script::rehearsal() }
}

/// The credentials of a rehearsal: what the fault script says, under every name that the profile needs.
pub(super) fn credentials(script: &Script, profile: &Profile) -> Credentials {
    let (id, secret) = script.credentials();
    let value = |name: CredentialName| Secret::new(if name.is_secret() { secret } else { id }.to_owned());
    profile.credentials().iter().map(|name| (*name, value(*name))).collect()
}

impl Sandbox {
    /// Starts a simulator of an API (`None`: the reference API) and waits until it listens.
    pub(super) fn start(surface: Option<ApiSurface>, script: Script) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::new(Exit::Internal, format!("the sandbox cannot start: {error}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (announce, listening) = std::sync::mpsc::channel();
        let serve = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(announce.send(Err(error))),
            };
            runtime.block_on(async move {
                match Simulator::bind_as(surface, script, 0).await {
                    Err(error) => drop(announce.send(Err(error))),
                    Ok(simulator) => {
                        let _ = announce.send(Ok(simulator.address()));
                        simulator.serve(async { drop(stopped.await) }).await;
                    }
                }
            });
        };
        let thread =
            std::thread::Builder::new().name("sandbox".to_owned()).spawn(serve).map_err(|error| failed(&error))?;
        match listening.recv() {
            Ok(Ok(address)) => Ok(Self { address, stop: Some(stop), thread: Some(thread) }),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
