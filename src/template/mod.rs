//! Templates: handlebars in strict mode over JSON values, without HTML escaping.
//!
//! A text without `{{` is constant and never rendered. A text that is one plain name (`{{row.call_id}}`) gives that
//! JSON value itself, whatever its type; every other template gives a string. Values are thus filled in as values and
//! never pasted into JSON text. Names are checked against a [`Scope`] when a template is compiled, so that most slips
//! show before the first row is read.

mod compile;
mod error;
mod helpers;
mod names;
mod rounds;
mod slips;
mod tree;

pub use compile::{Engine, Template, Values, value_at};
pub use error::{CompileError, RenderError};
pub use helpers::{HELPERS, HelperSpec};
pub use names::{Scope, nearest};
pub use tree::{Leaf, Tree, TreeError};
