//! `request:` -> compiled templates.

use super::Templates;
use crate::model::{Code, Problem};
use crate::profile::body::Body;
use crate::profile::job::JobRules;
use crate::profile::request::{RequestTemplates, Segment, TargetTemplates, is_header_value, segments};
use crate::profile::spec::{IdempotencySpec, RequestIdSpec, RequestSpecSpec};
use crate::template::{Scope, Template, Tree, TreeError};
use serde_json::{Map, Value};

/// What is in scope of a request's templates.
pub(super) const NAMES: &str = "job, call.id, call.encoded, run.id, job_number, job_uuid";
/// The request id where the API has none: it tells attempts apart in the audit file.
const DEFAULT_ID: &str = "{{run.id}}-{{job_number}}";
/// The idempotency key where the profile does not say.
const DEFAULT_KEY: &str = "{{job_uuid}}";
/// Headers that authorise, frame or route a request: the connection's, not the profile's.
const RESERVED: [&str; 11] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The names in scope of a request.
pub(super) fn scope(rules: &JobRules) -> Scope {
    let scope = Scope::default();
    // A schema that is refused has no fields, and each template would be refused for that.
    let scope = if rules.fields.is_empty() { scope.open("job") } else { scope.closed("job", rules.fields.clone()) };
    scope.closed("call", ["id", "encoded"]).closed("run", ["id"]).open("job_number").open("job_uuid")
}

/// Compiles `request:`.
pub(super) fn request(
    mut spec: RequestSpecSpec,
    rules: &JobRules,
    templates: &mut Templates<'_>,
) -> Option<RequestTemplates> {
    let target = target("/request", spec.path.as_deref(), spec.query.as_ref(), rules, templates);
    let mut headers = own_headers(spec.headers.take().unwrap_or_default(), templates);
    if spec.json.is_some() && spec.form.is_some() {
        let message = "a request has one body, and `json` and `form` are both given";
        templates.problems.push(
            Problem::at(Code::ProfileContradiction, "/request/form", message).help("keep one of the two").on_key(),
        );
        spec.form = None;
    }
    let request_id_header = spec.request_id.as_ref().and_then(|id| id.header.clone());
    let request_id = request_id(spec.request_id.take(), templates, &mut headers);
    let keyed = spec.idempotency_key.is_some();
    if let Some(key) = spec.idempotency_key.take() {
        idempotency(key, &mut spec, templates, &mut headers);
    }
    let body = body(spec.json, spec.form, templates);
    let mut all = Vec::with_capacity(headers.len() + 2);
    for (name, value) in [("Content-Type", body.content_type()), ("Accept", Some("application/json"))] {
        if let (Some(value), false) = (value, headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))) {
            all.push((name.to_owned(), templates.one("", value)?));
        }
    }
    all.append(&mut headers);
    Some(RequestTemplates {
        method: spec.method.unwrap_or_default(),
        target: target?,
        headers: all,
        body,
        request_id: request_id?,
        request_id_header,
        keyed,
    })
}

pub(super) fn target(
    at: &str,
    path: Option<&str>,
    query: Option<&Map<String, Value>>,
    rules: &JobRules,
    templates: &mut Templates<'_>,
) -> Option<TargetTemplates> {
    let place = format!("{at}/path");
    let mut path_segments = Vec::new();
    let mut sound = true;
    for text in segments(path?) {
        if !text.contains("{{") {
            path_segments.push(Segment::Literal(text.to_owned()));
            continue;
        }
        let Some(template) = templates.one(&place, text) else {
            sound = false;
            continue;
        };
        if let Some(field) = optional_field(&template, rules) {
            let message = format!("the path needs `{field}`, and a job may leave it out");
            templates.problems.push(
                Problem::at(Code::OptionalField, place.clone(), message)
                    .help(format!("add `{field}` to `required` of the job's schema, or give it a default")),
            );
        }
        path_segments.push(Segment::Filled(template));
    }
    let query = pairs(&format!("{at}/query"), query.cloned().unwrap_or_default(), templates);
    sound.then_some(TargetTemplates { path: path_segments, query })
}

/// The first field that a template reads and that a job may leave out.
fn optional_field<'t>(template: &'t Template, rules: &JobRules) -> Option<&'t str> {
    // Without a schema there are no fields, and the call id has been judged at its own place.
    if rules.fields.is_empty() {
        return None;
    }
    let fields = template.names().filter(|path| path.first().is_some_and(|root| root == "job"));
    fields
        .filter_map(|path| path.get(1))
        .map(String::as_str)
        .find(|field| *field != rules.call_id && !rules.always.contains(*field))
}

fn pairs(at: &str, written: Map<String, Value>, templates: &mut Templates<'_>) -> Vec<(String, Template)> {
    let one = |(name, value): (String, Value)| {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let template = templates.one(&place, value.as_str()?)?;
        Some((name, template))
    };
    written.into_iter().filter_map(one).collect()
}

fn own_headers(written: Map<String, Value>, templates: &mut Templates<'_>) -> Vec<(String, Template)> {
    let mut seen: Vec<String> = Vec::new();
    for name in written.keys() {
        let lower = name.to_lowercase();
        let at = format!("/request/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        if let Some(problem) = reserved(&at, name) {
            templates.problems.push(problem.on_key());
        } else if seen.contains(&lower) {
            let message = format!("the header {name} is given twice: case does not matter in names of headers");
            templates
                .problems
                .push(Problem::at(Code::ProfileContradiction, at, message).help("keep one of the two").on_key());
        }
        seen.push(lower);
    }
    for (name, value) in &written {
        // What a template fills in is judged job by job.
        if let Some(text) = value.as_str().filter(|text| !text.contains("{{") && !is_header_value(text)) {
            let at = format!("/request/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            let what = text.chars().find(|c| !matches!(c, ' '..='~')).unwrap_or_default();
            let message = format!("the header {name} would hold {what:?}, which no header can carry");
            templates
                .problems
                .push(Problem::at(Code::BadHeaderValue, at, message).help("headers carry printable ASCII"));
        }
    }
    pairs("/request/headers", written, templates)
}

/// The problem with a header that is not the profile's to set.
pub(super) fn reserved(at: &str, name: &str) -> Option<Problem> {
    let lower = name.to_lowercase();
    let help = match lower.as_str() {
        "authorization" | "proxy-authorization" | "cookie" => "say it in `auth`: secrets do not pass through templates",
        _ => "remove it: the connection sets it",
    };
    RESERVED.contains(&lower.as_str()).then(|| {
        Problem::at(Code::ReservedHeader, at, format!("the header {name} is not the profile's to set")).help(help)
    })
}

/// Adds a header of the profile's own making, unless another one has its name.
fn add_header(
    at: &str,
    name: &str,
    value: Template,
    templates: &mut Templates<'_>,
    headers: &mut Vec<(String, Template)>,
) {
    let place = format!("{at}/header");
    if let Some(problem) = reserved(&place, name) {
        templates.problems.push(problem);
    } else if ["content-type", "accept"].iter().any(|other| name.eq_ignore_ascii_case(other)) {
        let message = format!("the header {name} says what a body is, and cannot carry anything else");
        templates.problems.push(Problem::at(Code::ReservedHeader, place, message).help("name another header"));
    } else if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
        let message = format!("the header {name} is given twice");
        templates.problems.push(
            Problem::at(Code::ProfileContradiction, place, message)
                .help("name another header, or remove one of the two"),
        );
    } else {
        headers.push((name.to_owned(), value));
    }
}

fn request_id(
    spec: Option<RequestIdSpec>,
    templates: &mut Templates<'_>,
    headers: &mut Vec<(String, Template)>,
) -> Option<Template> {
    let Some(spec) = spec else { return templates.one("", DEFAULT_ID) };
    let template = templates.one("/request/request_id/value", &spec.value?)?;
    templates.problems.extend(not_unique("/request/request_id/value", "request id", &template));
    add_header("/request/request_id", &spec.header?, template.clone(), templates, headers);
    Some(template)
}

/// Puts the key into a header, or into the JSON body before that is compiled.
fn idempotency(
    spec: IdempotencySpec,
    request: &mut RequestSpecSpec,
    templates: &mut Templates<'_>,
    headers: &mut Vec<(String, Template)>,
) {
    let at = "/request/idempotency_key";
    let text = spec.value.as_deref().unwrap_or(DEFAULT_KEY);
    let place = format!("{at}/value");
    let Some(template) = templates.one(&place, text) else { return };
    templates.problems.extend(not_unique(&place, "idempotency key", &template));
    let mut refuse = |at: String, message: &str, help: &str| {
        templates.problems.push(Problem::at(Code::ProfileContradiction, at, message).help(help).on_key());
    };
    match (spec.header, spec.body) {
        (Some(header), None) => {
            let quoted = spec.quoted.unwrap_or(false);
            let Some(value) = templates.one(&place, &if quoted { format!("\"{text}\"") } else { text.to_owned() })
            else {
                return;
            };
            add_header(at, &header, value, templates, headers);
        }
        (None, Some(pointer)) => {
            let (above, member) = pointer.rsplit_once('/').unwrap_or_default();
            let body = request.json.as_mut().or(request.form.as_mut().filter(|_| above.is_empty()));
            let owner = body.and_then(|json| {
                let tokens = above.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
                tokens.into_iter().try_fold(json, |object, token| object.get_mut(&token)?.as_object_mut())
            });
            let member = member.replace("~1", "/").replace("~0", "~");
            match owner {
                None => refuse(
                    format!("{at}/body"),
                    "the body has no place for the key",
                    "give `request.json` that object, or `request.form` that field",
                ),
                Some(object) if object.contains_key(&member) => {
                    let message = "the body says something else at the place of the key";
                    refuse(format!("{at}/body"), message, "remove that member from the body");
                }
                Some(object) => drop(object.insert(member, Value::String(text.to_owned()))),
            }
        }
        (None, None) => {
            refuse(at.to_owned(), "where does the key go?", "add `header: Idempotency-Key` or `body: /member`");
        }
        (Some(_), Some(_)) => {
            refuse(format!("{at}/body"), "the key has two places", "keep `header` or `body`");
        }
    }
}

/// An id must differ between jobs and between runs.
fn not_unique(at: &str, what: &str, template: &Template) -> Option<Problem> {
    let reads =
        |wanted: &[&str]| template.names().any(|path| path.iter().map(String::as_str).eq(wanted.iter().copied()));
    let unique = reads(&["job_uuid"]) || (reads(&["run", "id"]) && reads(&["job_number"]));
    let message = format!("this {what} can be the same for two jobs, or for a job of another run");
    let help = "let it read `job_uuid`, or `run.id` and `job_number`";
    (!unique).then(|| Problem::at(Code::KeyNotUnique, at, message).help(help))
}

fn body(json: Option<Map<String, Value>>, form: Option<Map<String, Value>>, templates: &mut Templates<'_>) -> Body {
    match (json, form) {
        (Some(json), _) => {
            let written = Value::Object(json.clone());
            match Tree::compile(&written, templates.engine, &templates.scope) {
                Ok(tree) => Body::Json(tree, json),
                Err(errors) => {
                    for TreeError { pointer, error } in errors {
                        let at = format!("/request/json{pointer}");
                        // The key of `idempotency_key` stands here too, and has been compiled at its own place.
                        templates.problems.push(super::problem(&at, error, NAMES));
                    }
                    Body::None
                }
            }
        }
        (None, Some(form)) => Body::Form(pairs("/request/form", form, templates)),
        (None, None) => Body::None,
    }
}
