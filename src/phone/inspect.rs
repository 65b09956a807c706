//! One number -> what is known about it.

use super::satellite::is_satellite;
use super::short::{self, Short};
use crate::model::{NumberKind, Region};
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL as PLANS, PhoneNumber, PhoneNumberFormat, PhoneNumberType};

/// The release of libphonenumber whose metadata is in the pinned `rlibphonenumber`.
const METADATA: &str = "9.0.42";

/// Fewer digits than this in all cannot be a subscriber's number anywhere: a short code.
const SHORTEST: usize = 7;

/// What is known about a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phone {
    /// What it is for. A number without its plus is read the way that carries the higher risk.
    pub kind: NumberKind,
    /// Where it belongs; `None` when its plan does not tell, and without a plus.
    pub region: Option<Region>,
    /// The country calling code; `None` without a plus.
    pub calling_code: Option<u16>,
    /// There could be such a number. `None`: it has no plus, so nobody can tell.
    pub possible: Option<bool>,
    /// Its range is in use. `None`: it has no plus, or is a short number.
    pub valid: Option<bool>,
}

/// Looks at `+12025550104`, `12025550104` or `911`. Anything but an optional plus and digits is impossible.
pub fn inspect(number: &str) -> Phone {
    let nothing = Phone { kind: NumberKind::Unknown, region: None, calling_code: None, possible: None, valid: None };
    let (plus, digits) = match number.strip_prefix('+') {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Phone { possible: Some(false), ..nothing };
    }
    if plus {
        return international(digits).unwrap_or(Phone { possible: Some(false), ..nothing });
    }
    if short::is_emergency_anywhere(digits) {
        return Phone { kind: NumberKind::Emergency, ..nothing };
    }
    if digits.len() < SHORTEST {
        return Phone { kind: NumberKind::ShortCode, ..nothing };
    }
    // The server may well put the plus back.
    let kind = international(digits).map_or(NumberKind::Unknown, |phone| phone.kind);
    Phone { kind, ..nothing }
}

/// A number with its country code in front. `None`: no plan has it.
fn international(digits: &str) -> Option<Phone> {
    let short = short::after_calling_code(digits);
    let parsed = PLANS.parse(format!("+{digits}"), None).ok();
    let calling_code = parsed.as_ref().and_then(|parsed| u16::try_from(parsed.country_code).ok());
    // Not valid as it is written: a national prefix that does not belong there, or a form that has been given up.
    let as_written =
        |parsed: &PhoneNumber| PLANS.format(parsed, PhoneNumberFormat::E164).strip_prefix('+') == Some(digits);
    // A number is valid when it has a type: asking for both would look for its region twice.
    let kind = parsed.as_ref().map_or(NumberKind::Unknown, kind_of);
    let valid = kind != NumberKind::Unknown && parsed.as_ref().is_some_and(as_written);
    if valid || digits.len() >= SHORTEST && short.is_none() {
        let parsed = parsed?;
        let possible = valid || PLANS.is_possible_number_with_reason(&parsed) == Ok(NumberLengthType::IsPossible);
        let kind = if is_satellite(digits) { NumberKind::Satellite } else { kind };
        let region = PLANS.get_region_for_number(&parsed).and_then(region_of);
        return Some(Phone { kind, region, calling_code, possible: Some(possible), valid: Some(valid) });
    }
    let kind = if short == Some(Short::Emergency) { NumberKind::Emergency } else { NumberKind::ShortCode };
    Some(Phone { kind, region: None, calling_code, possible: Some(short.is_some()), valid: None })
}

fn kind_of(parsed: &PhoneNumber) -> NumberKind {
    match PLANS.get_number_type(parsed) {
        PhoneNumberType::FixedLine => NumberKind::FixedLine,
        PhoneNumberType::Mobile => NumberKind::Mobile,
        PhoneNumberType::FixedLineOrMobile => NumberKind::FixedOrMobile,
        PhoneNumberType::TollFree => NumberKind::TollFree,
        PhoneNumberType::PremiumRate => NumberKind::Premium,
        PhoneNumberType::SharedCost => NumberKind::SharedCost,
        PhoneNumberType::VoIP => NumberKind::Voip,
        PhoneNumberType::PersonalNumber => NumberKind::Personal,
        PhoneNumberType::Pager => NumberKind::Pager,
        PhoneNumberType::UAN => NumberKind::Uan,
        PhoneNumberType::VoiceMail => NumberKind::Voicemail,
        PhoneNumberType::Unknown => NumberKind::Unknown,
    }
}

fn region_of(region: rlibphonenumber::Region) -> Option<Region> {
    Region::new(region.as_region_str().as_str())
}

/// Whether any numbering plan has numbers that begin with these digits: `1202`, `44`, `4`.
pub fn is_calling_prefix(digits: &str) -> bool {
    PLANS.get_supported_calling_codes().any(|code| {
        let code = code.to_string();
        digits.starts_with(&code) || code.starts_with(digits)
    })
}

/// Every region that has a numbering plan, and `001`.
pub fn regions() -> Vec<Region> {
    let regions = PLANS.get_supported_regions().filter_map(region_of);
    let mut regions: Vec<Region> = regions.chain(Region::new("001")).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// The releases of libphonenumber that the answers come from: `9.0.42, short numbers 9.0.43`.
pub fn metadata_version() -> String {
    format!("libphonenumber {METADATA}, short numbers {}", short::version().unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(number: &str) -> (&'static str, String, Option<bool>, Option<bool>) {
        let phone = inspect(number);
        let region = phone.region.map(|region| region.to_string()).unwrap_or_default();
        (phone.kind.word(), region, phone.possible, phone.valid)
    }

    fn in_(region: &str) -> String {
        region.to_owned()
    }

    #[test]
    fn numbers_are_what_their_plan_says() {
        assert_eq!(is("+12025550104"), ("fixed_or_mobile", in_("US"), Some(true), Some(true)));
        assert_eq!(is("+442079460123"), ("fixed_line", in_("GB"), Some(true), Some(true)));
        assert_eq!(is("+15550100000"), ("unknown", in_(""), Some(true), Some(false)), "no such area code");
        assert_eq!(is("+120255501041234"), ("unknown", in_(""), Some(false), Some(false)), "too long");
        assert_eq!(is("+4402079460123").3, Some(false), "the 0 does not belong there");
        assert_eq!(is("+4409098790123").0, "premium", "and hides nothing");
        assert_eq!(is("+99912345678"), ("unknown", in_(""), Some(false), None), "no such country");
        assert_eq!(is("+19005550104").0, "premium");
        assert_eq!(is("+979123456789"), ("premium", in_("001"), Some(true), Some(true)));
    }

    #[test]
    fn satellite_networks_are_told_by_their_prefix() {
        for number in ["+870301234567", "+881612345678", "+8821612345678", "+88299123456"] {
            assert_eq!(is(number).0, "satellite", "{number}");
        }
        assert_eq!(is("+883510012345").0, "voip", "an international network without satellites");
    }

    #[test]
    fn short_numbers_are_known_bare_and_behind_their_country() {
        for number in ["911", "112", "999", "000", "+1911", "+44999", "+49110"] {
            assert_eq!(is(number).0, "emergency", "{number}");
        }
        for number in ["411", "118500", "+1411", "+44116123"] {
            assert_eq!(is(number).0, "short_code", "{number}");
        }
        assert_eq!(is("+1911").2, Some(true));
        assert_eq!(is("+911"), ("short_code", in_(""), Some(false), None), "India has no number 1");
    }

    #[test]
    fn without_a_plus_the_riskier_reading_counts_and_nothing_is_certain() {
        assert_eq!(is("12025550104"), ("fixed_or_mobile", in_(""), None, None));
        assert_eq!(is("881612345678"), ("satellite", in_(""), None, None));
    }

    #[test]
    fn what_is_no_number_is_impossible() {
        for text in ["", "+", "call me", "+1 202 555 0104", "++1", "+\u{661}\u{662}", "+12025550104;ext=5"] {
            assert_eq!(is(text), ("unknown", in_(""), Some(false), None), "{text:?}");
        }
    }

    #[test]
    fn prefixes_and_regions_can_be_asked_for() {
        for prefix in ["1", "1202", "4", "4420", "979"] {
            assert!(is_calling_prefix(prefix), "{prefix}");
        }
        for prefix in ["999", "0", "210"] {
            assert!(!is_calling_prefix(prefix), "{prefix}");
        }
        let regions: Vec<String> = regions().iter().map(ToString::to_string).collect();
        assert!(regions.len() > 240 && regions.contains(&"GB".to_owned()) && !regions.contains(&"UK".to_owned()));
    }

    #[test]
    fn the_metadata_version_is_that_of_the_pinned_crate() {
        // Its read-me says which metadata a release holds. A new pin needs a new look: this fails until somebody has had it.
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains("name = \"rlibphonenumber\"\nversion = \"2.2.15\""));
        assert_eq!(metadata_version(), "libphonenumber 9.0.42, short numbers 9.0.43");
    }
}
