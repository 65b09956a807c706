//! The bridge endpoint: decides what a request does, writes that into the ledger, then ends it as decided.
//!
//! Invariants
//! - The decision is one synchronous step under one lock, so the ledger's order is the order of the effects, and of
//!   two requests for one call exactly one bridges it.
//! - A fault changes what is answered and may keep the effect from happening; it never bridges what a request
//!   without fault would not have bridged.
//! - Requests of a call are numbered from the first that is authorised: a token that expired meanwhile, which is a
//!   matter of timing, does not shift the faults of a call.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{HeaderMap, StatusCode, body::Bytes};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    answer::{self, Abort, Answer, Refusal},
    api::has_content_type,
    fault,
    ledger::{Ledger, LedgerEntry},
    payload,
    rule::{Fault, Moment},
    script::Script,
    surface,
    token::Tokens,
};
use crate::model::ApiSurface;

/// The header that is the same on every attempt of a job.
const REQUEST_ID: &str = "x-cxone-request-id";

/// A request to the bridge endpoint, read to its end.
pub(super) struct BridgeRequest<'a> {
    pub(super) call_id: String,
    pub(super) headers: &'a HeaderMap,
    /// The body, or the refusal of one that is too long.
    pub(super) body: Result<Bytes, Refusal>,
}

/// What the endpoint remembers of the calls.
#[derive(Default)]
pub(super) struct Calls(Mutex<World>);

#[derive(Default)]
struct World {
    calls: HashMap<String, Call>,
    bridges: u64,
}

#[derive(Default)]
struct Call {
    requests: u32,
    bridged: bool,
}

/// How a request ends, and after how long.
struct Decision {
    after: Duration,
    ending: Ending,
}

enum Ending {
    Answer(Answer),
    Reset,
    Hang,
}

impl Calls {
    /// Decides a request at once, then ends it after the latency that the script gives it.
    pub(super) async fn bridge(
        &self,
        surface: Option<&ApiSurface>,
        script: &Script,
        tokens: &Tokens,
        ledger: &Ledger,
        request: BridgeRequest<'_>,
    ) -> Result<Answer, Abort> {
        let Decision { after, ending } = self.decide(surface, script, tokens, ledger, request);
        if !after.is_zero() {
            sleep(after).await;
        }
        match ending {
            Ending::Answer(answer) => Ok(answer),
            Ending::Reset => Err(Abort::Reset),
            Ending::Hang => pending().await,
        }
    }

    fn decide(
        &self,
        surface: Option<&ApiSurface>,
        script: &Script,
        tokens: &Tokens,
        ledger: &Ledger,
        request: BridgeRequest<'_>,
    ) -> Decision {
        let BridgeRequest { call_id, headers, body } = request;
        let payload = body.as_ref().ok().and_then(|bytes| surface::payload(headers, bytes));
        let (token_generation, authorized) =
            surface.map_or_else(|| tokens.authorize(headers), |surface| tokens.admit(&surface.admission, headers));
        let success = |status: StatusCode, number: u64| match surface {
            None => bridged(status, &call_id, number),
            Some(surface) => surface::success(surface, (status != StatusCode::OK).then_some(status)),
        };
        let id_header = surface.map_or(Some(REQUEST_ID), |surface| surface.request_id_header.as_deref());

        let mut world = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let World { calls, bridges } = &mut *world;
        let call = calls
            .entry(call_id.clone())
            .or_insert_with(|| Call { requests: 0, bridged: script.calls.bridged.contains(&call_id) });
        let mut fault = None;
        let mut after = Duration::ZERO;
        let verdict = authorized.and_then(|()| {
            call.requests = call.requests.saturating_add(1);
            fault = fault::pick(script, &call_id, call.requests);
            after = fault::latency(script, &call_id, call.requests);
            body?;
            if surface.is_none() {
                check_payload(&call_id, headers, payload.as_ref())?;
            }
            check_call(script, &call_id, call)
        });

        let effect = verdict.is_ok() && fault.is_none_or(allows_effect);
        if effect {
            call.bridged = true;
            *bridges += 1;
        }
        if let Some(Fault::Delay(delay)) = fault {
            after += *delay;
        }
        let ending = match (fault, verdict) {
            (Some(Fault::Reset(_)), _) => Ending::Reset,
            (Some(Fault::Hang(_)), _) => Ending::Hang,
            // A scripted success that bridged looks like the real one (202 is a bridge that is still being made).
            (Some(Fault::Answer { status, .. }), Ok(())) if effect && status.is_success() => {
                Ending::Answer(success(*status, *bridges))
            }
            (Some(Fault::Answer { status, retry_after, .. }), _) => {
                Ending::Answer(answer::scripted(*status, *retry_after))
            }
            (Some(Fault::Delay(_)) | None, Ok(())) => Ending::Answer(success(StatusCode::OK, *bridges)),
            (Some(Fault::Delay(_)) | None, Err(refusal)) => Ending::Answer(refusal.answer()),
        };
        let request_id = id_header.and_then(|name| headers.get(name));
        ledger.enter(LedgerEntry {
            sequence: 0, // given by the ledger
            timestamp: Timestamp::now(),
            request_id: request_id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned()),
            token_generation,
            payload,
            fault: fault.map(fault::name),
            status: match &ending {
                Ending::Answer(answer) => Some(answer.status().as_u16()),
                Ending::Reset | Ending::Hang => None,
            },
            effect,
            call_id,
        });
        Decision { after, ending }
    }
}

fn allows_effect(fault: &Fault) -> bool {
    match fault {
        Fault::Answer { effect, .. } => *effect,
        Fault::Reset(moment) | Fault::Hang(moment) => *moment == Moment::AfterEffect,
        Fault::Delay(_) => true,
    }
}

fn check_payload(call_id: &str, headers: &HeaderMap, payload: Option<&Value>) -> Result<(), Refusal> {
    if !has_content_type(headers, "application/json") {
        return Err(Refusal::invalid("the content type is not application/json"));
    }
    let payload = payload.ok_or_else(|| Refusal::invalid("the body is not JSON"))?;
    payload::check(call_id, payload).map_err(Refusal::invalid)
}

fn check_call(script: &Script, call_id: &str, call: &Call) -> Result<(), Refusal> {
    let known = script.calls.known.as_ref().is_none_or(|known| known.contains(call_id));
    if !known || script.calls.missing.contains(call_id) {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "call_not_found", "there is no such call"));
    }
    if call.bridged && !script.calls.rebridge {
        return Err(Refusal::new(StatusCode::CONFLICT, "already_bridged", "the call is bridged already"));
    }
    Ok(())
}

fn bridged(status: StatusCode, call_id: &str, number: u64) -> Answer {
    let word = if status == StatusCode::ACCEPTED { "accepted" } else { "bridged" };
    answer::json(status, &json!({"callId": call_id, "bridgeId": format!("br-{number:06}"), "status": word}))
}
