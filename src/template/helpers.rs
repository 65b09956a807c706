//! The helpers that templates have beside those of handlebars (`eq`, `ne`, `and`, `or`, `not`, `if`, `each`, ...).

use handlebars::{Handlebars, JsonRender, handlebars_helper};
use serde_json::Value;
use sha2::{Digest, Sha256};

handlebars_helper!(lower: |text: Value| text.render().to_lowercase());
handlebars_helper!(upper: |text: Value| text.render().to_uppercase());
handlebars_helper!(trim: |text: Value| text.render().trim().to_owned());
handlebars_helper!(sha256: |text: Value| super::compile::hex(&Sha256::digest(text.render().as_bytes())));
handlebars_helper!(default: |value: Value, fallback: Value| {
    let missing = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
    if missing { fallback } else { value }
});
handlebars_helper!(e164: |text: Value| {
    let text = text.render();
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}')).collect();
    digits.strip_prefix("00").map_or(digits.clone(), |rest| format!("+{rest}"))
});

/// Registers them.
pub(super) fn register(registry: &mut Handlebars<'static>) {
    registry.register_helper("lower", Box::new(lower));
    registry.register_helper("upper", Box::new(upper));
    registry.register_helper("trim", Box::new(trim));
    registry.register_helper("sha256", Box::new(sha256));
    registry.register_helper("default", Box::new(default));
    registry.register_helper("e164", Box::new(e164));
    // `log` would write around our own log, partials and decorators have no use in a one-line template.
    registry.unregister_helper("log");
}

/// Every helper's name, for "did you mean".
pub(super) const NAMES: [&str; 22] = [
    "and", "default", "e164", "each", "eq", "gt", "gte", "if", "len", "lookup", "lower", "lt", "lte", "ne", "not",
    "or", "raw", "sha256", "trim", "unless", "upper", "with",
];
