//! The integration tests.
mod schemas;
