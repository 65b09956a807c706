//! Text of others: a server, a data file, a forged audit file. It is shown, and does nothing.

use super::support::{Audit, file, rows};
use crate::event::{Ending, Verdict};
use crate::model::{Evidence as Proof, Outcome};

const TEXT: &str = "=cmd|' /C calc'!A0 <script>alert(1)</script>\u{1b}[31m\u{202e}gnp.\"><img src=x onerror=y>{{css}}";

fn hostile() -> Audit {
    let mut audit = Audit::of(&[("billing", 2)], &["unknown == 0"]).with_calls(|job| format!("+1202555010{job}<b>"));
    audit.edit_start(|start| {
        start.runbook = TEXT.into();
        start.description = Some(TEXT.into());
        start.owner = Some(TEXT.into());
        start.base_url = Some(TEXT.into());
        start.labels.insert(TEXT.into(), TEXT.into());
        start.operator.user = TEXT.into();
        start.operator.sudo_user = Some(TEXT.into());
        start.inputs[0].file = TEXT.into();
        start.settings[0].value = TEXT.into();
    });
    audit.message = Some(TEXT);
    audit.warning = Some(TEXT);
    audit.intent(1, 1);
    audit.answer((1, 1), (Outcome::Unknown, Proof::Answer), Some(500), 5_000, true);
    audit.intent(2, 1);
    audit.answer((2, 1), (Outcome::Rejected, Proof::Answer), Some(400), 5_000, true);
    audit.stopping(TEXT);
    audit.finish(Ending::Completed, Verdict::Failed, &[(TEXT, Some(1.0), false)]);
    audit
}

#[test]
fn the_page_holds_no_markup_but_its_own() {
    let page = file(&hostile().report_with(Some(TEXT)), "report.html");
    for forbidden in ["<script", "<img", "onerror=y>", "<b>\"", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(forbidden), "{forbidden:?}");
    }
    assert!(page.contains("&lt;script&gt;"), "it is shown as text");
    assert_eq!(page.matches("color-scheme: light dark").count(), 1, "text is not taken for a template");
    assert!(
        page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"")
    );
    let links = page.matches("href=").count();
    assert_eq!(links, page.matches("href=\"#").count(), "a link leads nowhere but into the page");
    for remote in ["src=\"", "url(", "@import"] {
        assert!(!page.contains(remote), "{remote} would load something");
    }
}

#[test]
fn cells_do_not_start_formulas() {
    let results = rows(&file(&hostile().report(), "results.csv"));
    assert!(results[0]["error_message"].starts_with("'=cmd"));
    assert_eq!(results[0]["call_id"], "'+12025550101<b>");
    let text = file(&hostile().report(), "results.csv");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert_eq!(text.matches("\r\n").count(), 3, "RFC 4180 ends lines with CRLF");
}

#[test]
fn the_terminal_gets_neither_escapes_nor_line_breaks_of_others() {
    let mut audit = hostile();
    audit.edit_start(|start| start.runbook = "one\r\nPASSED\u{1b}[2J".into());
    let text = audit.report().text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(text.starts_with("FAILED      one PASSED [2J"), "{text}");
}

#[test]
fn the_json_keeps_the_text_as_it_is() {
    let report = hostile().report();
    assert_eq!(report.summary().runbook, TEXT);
    assert_eq!(report.summary().unknown.jobs[0].call_id.as_deref(), Some("+12025550101<b>"));
}
