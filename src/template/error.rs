//! What can be wrong with a template, before and while it is filled in.

/// Why a template cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CompileError {
    /// Not handlebars, or a helper that is called in a way in which it cannot be; with what to write instead.
    Syntax(String, Option<String>),
    /// A name that is not in scope, or a helper that does not exist; with what may have been meant.
    Name(String, Option<String>),
}

/// Why a compiled template failed for these values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub(super) String);
