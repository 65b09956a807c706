//! `request:` and `probe:` of a profile.

use crate::model::StatusPattern;
use crate::model::{DurationSpec, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Paths start with a slash; a query has a key of its own.
const PATH: &str = "^/[^?#]*$";
/// RFC 9110 section 5.6.2.
const HEADER_NAME: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$";

/// The request that makes a bridge. In scope of its templates are `job` (the job's fields), `call.id`, `call.encoded`,
/// `run.id`, `job_number` and `job_uuid`.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct RequestSpecSpec {
    /// HTTP method: `POST`, `PUT` or `PATCH`. Default `POST`.
    #[schemars(extend("default" = "POST", "examples" = ["POST"]))]
    pub(in crate::profile) method: Option<Method>,
    /// Path below the base URL. Each template fills one segment, percent-encoded, whatever it holds.
    #[schemars(required, regex(pattern = PATH), extend("examples" = ["/calls/{{job.call_id}}/bridge"]))]
    pub(in crate::profile) path: Option<String>,
    /// Query parameters in this order, percent-encoded. One whose template is a field that a job leaves out is left out.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"channel": "{{job.call_id}},{{job.other}}"}]))]
    pub(in crate::profile) query: Option<Map<String, Value>>,
    /// Headers. One whose template is a field that a job leaves out is left out. Control characters are an error of the row.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("propertyNames" = {"pattern": HEADER_NAME}, "examples" = [{"X-Tenant": "{{job.tenant}}"}]))]
    pub(in crate::profile) headers: Option<Map<String, Value>>,
    /// A JSON body. A text that is one plain name becomes that value with its type; a member whose field a job leaves
    /// out is left out. Exclusive with `form`; neither: no body.
    #[schemars(extend("examples" = [{"callId": "{{job.call_id}}"}]))]
    pub(in crate::profile) json: Option<Map<String, Value>>,
    /// A form body (application/x-www-form-urlencoded), in this order. A field that a job leaves out is left out.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"Caller": "{{job.call_id}}", "To": "{{job.to}}"}]))]
    pub(in crate::profile) form: Option<Map<String, Value>>,
    /// A header that tells the requests of different jobs apart; the same on each attempt of a job.
    pub(in crate::profile) request_id: Option<RequestIdSpec>,
    /// What the API knows a repeated request by: it makes one effect of all requests with the same key, and answers the
    /// repetition as it answered, or would have answered, the first. Only if the vendor states that: because of this entry a
    /// request that may have had its effect is sent again (`retry.unknown` of the runbook).
    pub(in crate::profile) idempotency_key: Option<IdempotencySpec>,
}

/// The request id.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct RequestIdSpec {
    /// The header that carries it.
    #[schemars(required, regex(pattern = HEADER_NAME), extend("examples" = ["X-Request-ID"]))]
    pub(in crate::profile) header: Option<String>,
    /// Its template. It must read `job_uuid`, or `run.id` and `job_number`: two jobs never share an id.
    #[schemars(required, length(min = 1), extend("examples" = ["bridge-{{call.encoded}}-{{run.id}}-{{job_number}}"]))]
    pub(in crate::profile) value: Option<String>,
}

/// The idempotency key: in a header or in the body.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct IdempotencySpec {
    /// The header that carries it. Exclusive with `body`.
    #[schemars(regex(pattern = HEADER_NAME), extend("examples" = ["Idempotency-Key"]))]
    pub(in crate::profile) header: Option<String>,
    /// Put into quotes, as the IETF draft of `Idempotency-Key` wants it. Default false.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::profile) quoted: Option<bool>,
    /// The member of the JSON body, or the field of the form, that carries it: a JSON pointer. Exclusive with `header`.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/command_id"]))]
    pub(in crate::profile) body: Option<String>,
    /// Its template. It must read `job_uuid`, or `run.id` and `job_number`: the same for every attempt of a job, another
    /// one for each job and each run. Default `{{job_uuid}}`: a UUID of version 8 (RFC 9562), made of run id and job
    /// number.
    #[schemars(length(min = 1), extend("default" = "{{job_uuid}}", "examples" = ["{{run.id}}-{{job_number}}"]))]
    pub(in crate::profile) value: Option<String>,
}

/// A read-only request (GET) that tells whether a call is bridged. A job whose outcome is unknown is looked up with it, in the
/// run and by `reconcile`.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct ProbeSpec {
    /// Path below the base URL; templates as in `request.path`.
    #[schemars(required, regex(pattern = PATH), extend("examples" = ["/calls/{{job.call_id}}"]))]
    pub(in crate::profile) path: Option<String>,
    /// Query parameters; templates as in `request.query`.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("examples" = [{"fields": "state"}]))]
    pub(in crate::profile) query: Option<Map<String, Value>>,
    /// The answer for a call that is bridged. Left out: the API cannot tell.
    pub(in crate::profile) bridged: Option<ProbeAnswerSpec>,
    /// The answer for a call that the request did not bridge and will not. A call that has ended may well have been bridged
    /// before: only an answer that rules that out belongs here. Left out: the API cannot tell.
    pub(in crate::profile) not_bridged: Option<ProbeAnswerSpec>,
    /// For so long after an attempt its request may still be worked on: until then `not_bridged` does not count. Default 30s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "30s", "examples" = ["30s"]))]
    pub(in crate::profile) settled_after: Option<String>,
}

/// An answer to a probe: its status, and a value of its JSON (`pointer` with `equals`, `one_of` or `contains`) or the beginning of
/// its text. Values may be templates with the names of `request`.
#[derive(Deserialize, JsonSchema, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct ProbeAnswerSpec {
    /// The statuses of which the answer has one. Default: any 2xx.
    #[schemars(length(min = 1), extend("examples" = [[404]]))]
    pub(in crate::profile) status: Option<Vec<Option<StatusPattern>>>,
    /// Where the value stands in the JSON body, as a JSON pointer.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/data/state"]))]
    pub(in crate::profile) pointer: Option<String>,
    /// The value that must stand there.
    #[schemars(extend("examples" = ["bridged"]))]
    pub(in crate::profile) equals: Option<Value>,
    /// The values of which one must stand there.
    #[schemars(length(min = 1), extend("examples" = [["bridged", "talking"]]))]
    pub(in crate::profile) one_of: Option<Vec<Value>>,
    /// An element of the list that must stand there, several that all must, or a part of the text.
    #[schemars(extend("examples" = ["{{job.call_id}}"]))]
    pub(in crate::profile) contains: Option<Value>,
    /// The beginning of the body; blanks in front of it do not count.
    #[schemars(length(min = 1), extend("examples" = ["+OK"]))]
    pub(in crate::profile) text_starts_with: Option<String>,
}
