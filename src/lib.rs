//! # bridgebook
//!
//! Declarative batch runs that bridge live telephone calls over a contact-centre REST API: for each job at most one
//! request that can have had an effect leaves the machine, and the audit file proves it.
//!
//! Data flows one way:
//!
//! ```text
//! runbook file -> load -> expand -> execute -> journal -> report
//! ```
//!
//! | module | is | may import |
//! |---|---|---|
//! | [`model`] | plain data: ids, quantities, the runbook, jobs, outcomes, problems | nothing |
//! | [`event`] | all that execution tells the outside; `Ledger`, `Observer` | model |
//! | [`state`] | the one transition table and the fold of events | event, model |
//! | [`template`] | handlebars over JSON values, names checked at compile time | nothing |
//! | [`schema`] | JSON Schema findings as advice | model, template |
//! | [`phone`] | what a telephone number is: region, kind, validity | model |
//! | [`load`] | file -> `Runbook`, diagnostics with places | model, schema, template |
//! | [`profile`] | what an API is: request, answers, job fields | model, schema, template |
//! | [`expand`] | `Runbook` -> stream of jobs | model, phone, profile, template |
//! | [`plan`] | the saved plan: what a run depends on, by content | model |
//! | [`execute`] | dispatcher, engine, transport, auth, retry | event, model, profile, state |
//! | [`journal`] | the audit file: writer, reader, verify, lock | event, model, state |
//! | [`register`] | calls across runs: which are claimed, bridged, unknown | event, journal, model, state |
//! | [`reconcile`] | what became of unknowns, after the run | event, model, state |
//! | [`report`] | summary, CSV, HTML, text: a fold of records | event, model, state |
//! | [`simulator`] | the fake API | model |
//! | [`cli`] | arguments, wiring, printing, exit codes | all |

pub mod cli;
pub mod event;
pub mod execute;
pub mod expand;
pub mod journal;
pub mod load;
pub mod model;
pub mod phone;
pub mod plan;
pub mod profile;
pub mod reconcile;
pub mod register;
pub mod report;
pub mod schema;
pub mod simulator;
pub mod state;
pub mod template;
