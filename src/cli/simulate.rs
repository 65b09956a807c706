//! `bridgebook simulate`: the fake API on its own.

use super::args::SimulateArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::{print, sandbox, signals};
use crate::simulator::{Script, Simulator};
use futures::stream::StreamExt;
use serde_json::json;

/// Serves until a signal; the first line of stdout is JSON with the URL and the credentials.
pub(super) fn simulate(args: &SimulateArgs) -> Result<u8, Failure> {
    let script = args.script.as_deref().map_or_else(|| Ok(Script::default()), sandbox::script)?;
    let io = |error: std::io::Error| Failure::new(Exit::CannotCreate, format!("the simulator cannot start: {error}"));
    let (client_id, client_secret) = script.credentials();
    let mut hello = json!({"url": "", "client_id": client_id, "client_secret": client_secret});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    runtime.block_on(async {
        let simulator = Simulator::bind(script, args.port).await.map_err(io)?;
        if let Some(path) = &args.ledger {
            simulator.ledger().append_to(path).map_err(io)?;
        }
        let mut signals = Box::pin(signals::signals().map_err(io)?);
        hello["url"] = format!("http://{}", simulator.address()).into();
        print::text(&format!("{hello}\n"))?;
        let stopped = async {
            signals.next().await;
        };
        simulator.serve(stopped).await;
        Ok(Exit::Success.code())
    })
}
