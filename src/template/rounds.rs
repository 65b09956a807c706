//! How often the loops of one template may go round: a loop that writes nothing is not stopped by the length of its
//! output.
//!
//! handlebars counts nothing, so every loop's body is given a call of a helper that does. No template can name it: names
//! of helpers are checked against the list that people see.

use handlebars::template::TemplateElement;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, RenderContext, RenderError, RenderErrorReason, ScopedJson, Template,
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rounds of all loops of a template for one row.
pub(super) const MAX_ROUNDS: usize = 10_000;
/// The helper's name.
const NAME: &str = "count_a_round";

/// Counts the rounds of one rendering after the other. A template is rendered by one thread at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds(Arc<AtomicUsize>);

impl Rounds {
    /// Makes the helper known.
    pub(super) fn register(&self, registry: &mut Handlebars<'static>) {
        registry.register_helper(NAME, Box::new(self.clone()));
    }

    /// Begins anew.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether the last rendering went round too often.
    pub(super) fn are_too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_ROUNDS
    }
}

impl HelperDef for Rounds {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        _: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= MAX_ROUNDS {
            return Err(RenderErrorReason::Other("too many rounds".to_owned()).into());
        }
        Ok(ScopedJson::Derived(Value::String(String::new())))
    }
}

/// Puts the call into every loop of a template.
pub(super) fn count_in(template: &mut Template) {
    let call = Template::compile(&format!("{{{{{NAME}}}}}")).map(|call| call.elements).unwrap_or_default();
    count_below(template, &call);
}

fn count_below(template: &mut Template, call: &[TemplateElement]) {
    for element in &mut template.elements {
        let TemplateElement::HelperBlock(block) = element else { continue };
        for inner in block.template.iter_mut().chain(&mut block.inverse) {
            count_below(inner, call);
        }
        if block.name.as_name() == Some("each")
            && let Some(body) = &mut block.template
        {
            body.elements.extend_from_slice(call);
        }
    }
}
