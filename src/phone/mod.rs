//! What a telephone number is: possible, valid, of which region and kind. Tables and patterns only, no network.
//!
//! Three sources. libphonenumber's metadata, through `rlibphonenumber`, knows the numbers of the world's numbering plans.
//! `short_numbers.tsv`, made from libphonenumber's short number metadata by `tools/number_tables.py`, knows emergency
//! numbers and short codes. `satellite` lists satellite networks, which libphonenumber counts as mobile.

mod inspect;
mod satellite;
mod short;

pub use inspect::{Phone, inspect, is_calling_prefix, metadata_version, regions};
