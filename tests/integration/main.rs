//! Integration tests: behaviour through public doors only. The real binary, real sockets on loopback, real files.
//!
//! No sleeps and no fixed ports: every wait is for an event (a line on a pipe, a request, the end of a process), with
//! one generous guard. Numbers and hosts are those that are reserved for examples.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::format_collect, clippy::format_push_string, reason = "the texts here are short")]
#![expect(clippy::cast_precision_loss, clippy::naive_bytecount, reason = "the counts here are small")]

mod architecture;
mod auth_check;
mod canaries;
mod cli;
mod connections;
mod crash_points;
mod cut_everywhere;
mod defaults;
mod diagnostics;
mod docs;
mod explain;
mod failing_disk;
mod fault_matrix;
mod gates;
mod golden;
mod guards;
mod hostile_reports;
mod include;
mod incomplete_reports;
mod interruption;
mod left_rows;
mod left_rules;
mod limits;
mod limits_hold;
mod masking;
mod mutations;
mod oauth;
mod once;
mod once_crash;
mod one_at_a_time;
mod order;
mod outcomes;
mod output_forms;
mod payloads;
mod plan;
mod probing;
mod profiles;
mod promise;
mod reconcile;
mod recount;
mod report_formats;
mod reports;
mod resume;
mod resume_edges;
mod resume_once;
mod rows;
mod run_list;
mod same_key;
mod saved_plan;
mod schema_words;
mod schemas;
mod several_runs;
mod signature;
mod stopped;
mod support;
mod tamper;
mod throttle;
mod through_a_proxy;
mod tokens;
mod truncation;
mod trust;
mod wire;
mod write_ahead;
