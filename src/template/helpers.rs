//! The helpers that templates have beside those of handlebars (`eq`, `ne`, `and`, `or`, `not`, `if`, `each`, ...).

use handlebars::{
    Context, Handlebars, Helper, HelperDef, JsonRender, RenderContext, RenderError, RenderErrorReason, ScopedJson,
    handlebars_helper,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

handlebars_helper!(lower: |text: Value| text.render().to_lowercase());
handlebars_helper!(upper: |text: Value| text.render().to_uppercase());
handlebars_helper!(trim: |text: Value| text.render().trim().to_owned());
handlebars_helper!(sha256: |text: Value| hex(&Sha256::digest(text.render().as_bytes())));
/// A value, or the fallback where it is missing (which strict mode forbids everywhere else), null or blank.
struct Fallback;

impl HelperDef for Fallback {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let param =
            |index: usize| helper.param(index).ok_or(RenderErrorReason::ParamNotFoundForIndex("default", index));
        let (value, fallback) = (param(0)?, param(1)?);
        let blank = |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        let chosen = if value.is_value_missing() || blank(value.value()) { fallback } else { value };
        if chosen.is_value_missing() {
            return Err(RenderErrorReason::MissingVariable(chosen.relative_path().cloned()).into());
        }
        Ok(ScopedJson::Derived(chosen.value().clone()))
    }
}

handlebars_helper!(e164: |text: Value| {
    let text = text.render();
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}')).collect();
    digits.strip_prefix("00").map_or(digits.clone(), |rest| format!("+{rest}"))
});

/// Lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Registers them.
pub(super) fn register(registry: &mut Handlebars<'static>) {
    registry.register_helper("lower", Box::new(lower));
    registry.register_helper("upper", Box::new(upper));
    registry.register_helper("trim", Box::new(trim));
    registry.register_helper("sha256", Box::new(sha256));
    registry.register_helper("default", Box::new(Fallback));
    registry.register_helper("e164", Box::new(e164));
    // `log` would write around our own log, partials and decorators have no use in a one-line template.
    registry.unregister_helper("log");
}

/// A helper: what a template may write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelperSpec {
    /// Its name.
    pub name: &'static str,
    /// How many values it takes, at least and at most.
    pub(super) values: (usize, usize),
    /// Whether it stands around something: `{{#each ...}}...{{/each}}`.
    pub(super) block: bool,
}

const fn inline(name: &'static str, least: usize, most: usize) -> HelperSpec {
    HelperSpec { name, values: (least, most), block: false }
}

const fn block(name: &'static str, values: usize) -> HelperSpec {
    HelperSpec { name, values: (values, values), block: true }
}

/// Every helper.
pub const HELPERS: [HelperSpec; 22] = [
    inline("and", 2, usize::MAX),
    inline("default", 2, 2),
    inline("e164", 1, 1),
    block("each", 1),
    inline("eq", 2, 2),
    inline("gt", 2, 2),
    inline("gte", 2, 2),
    block("if", 1),
    inline("len", 1, 1),
    inline("lookup", 2, 2),
    inline("lower", 1, 1),
    inline("lt", 2, 2),
    inline("lte", 2, 2),
    inline("ne", 2, 2),
    inline("not", 1, 1),
    inline("or", 2, usize::MAX),
    block("raw", 0),
    inline("sha256", 1, 1),
    inline("trim", 1, 1),
    block("unless", 1),
    inline("upper", 1, 1),
    block("with", 1),
];

/// The helper of a name.
pub(super) fn find(name: &str) -> Option<&'static HelperSpec> {
    HELPERS.iter().find(|helper| helper.name == name)
}

/// Every helper's name, for "did you mean".
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    HELPERS.iter().map(|helper| helper.name)
}
