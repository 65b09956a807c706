//! The hours of a place, over changes of its clocks.

use super::*;
use std::time::Duration;

fn window(days: &str, from: &str, to: &str, zone: &str) -> Window {
    Window {
        days: days.parse().unwrap_or_else(|error| panic!("{error}")),
        from: from.parse().unwrap_or_else(|error| panic!("{error}")),
        to: to.parse().unwrap_or_else(|error| panic!("{error}")),
        zone: TimeZone::get(zone).unwrap_or_else(|error| panic!("{error}")),
        outside: OutsideWindow::Stop,
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn days_and_times_read_what_people_write() {
    let days = |text: &str| text.parse::<Days>().map(|days| days.0);
    assert_eq!(days("mon-fri"), Ok([true, true, true, true, true, false, false]));
    assert_eq!(days("fri-mon"), Ok([true, false, false, false, true, true, true]));
    assert_eq!(days("mon,wed, sat"), Ok([true, false, true, false, false, true, false]));
    assert!(days("monday").is_err() && days("").is_err());
    assert_eq!("24:00".parse::<DayTime>(), Ok(DayTime::END));
    assert!("24:01".parse::<DayTime>().is_err() && "8:00".parse::<DayTime>().is_err());
}

#[test]
fn a_window_opens_and_closes_by_the_local_clock() {
    let window = window("mon-fri", "08:00", "21:00", "America/New_York");
    // Friday, 27 November 2026: New York is five hours behind.
    assert!(!window.is_open(at("2026-11-27T12:59:59Z")));
    assert!(window.is_open(at("2026-11-27T13:00:00Z")));
    assert_eq!(window.closes_after(at("2026-11-27T13:00:00Z")), Some(at("2026-11-28T02:00:00Z")));
    // From Friday evening to Monday morning.
    assert_eq!(window.opens_after(at("2026-11-28T02:00:00Z")), Some(at("2026-11-30T13:00:00Z")));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
    let window = window("fri", "22:00", "06:00", "Europe/London");
    assert!(window.is_open(at("2026-11-27T23:00:00Z")) && window.is_open(at("2026-11-28T05:59:00Z")));
    assert!(!window.is_open(at("2026-11-27T05:00:00Z")) && !window.is_open(at("2026-11-28T22:30:00Z")));
    assert_eq!(window.closes_after(at("2026-11-27T23:00:00Z")), Some(at("2026-11-28T06:00:00Z")));
}

#[test]
fn an_hour_that_comes_twice_is_in_the_window_twice_and_one_that_is_left_out_never() {
    // 25 October 2026, 01:00 UTC: London goes from 02:00 back to 01:00.
    let night = window("mon-sun", "01:00", "01:30", "Europe/London");
    assert!(night.is_open(at("2026-10-25T00:15:00Z")) && night.is_open(at("2026-10-25T01:15:00Z")));
    assert!(!night.is_open(at("2026-10-25T00:45:00Z")));
    assert_eq!(night.closes_after(at("2026-10-25T00:15:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(night.opens_after(at("2026-10-25T00:45:00Z")), Some(at("2026-10-25T01:00:00Z")));
    // 29 March 2026, 01:00 UTC: London goes from 01:00 to 02:00; the window of that night does not open.
    assert_eq!(night.opens_after(at("2026-03-29T00:00:00Z")), Some(at("2026-03-30T00:00:00Z")));
    // One that began before the hour that is left out closes when the clock jumps over its end.
    let early = window("mon-sun", "00:30", "01:30", "Europe/London");
    assert_eq!(early.closes_after(at("2026-03-29T00:45:00Z")), Some(at("2026-03-29T01:00:00Z")));
}

#[test]
fn a_window_without_end_never_closes() {
    let always = window("mon-sun", "00:00", "24:00", "UTC");
    assert_eq!(always.closes_after(at("2026-11-27T23:00:00Z")), None);
}

#[test]
fn turns_are_where_the_local_clock_says_so_minute_by_minute() {
    let zones = [
        "America/New_York",
        "Europe/London",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "Africa/Casablanca",
    ];
    let mut rng = fastrand::Rng::with_seed(4);
    let mut turns = 0;
    for case in 0..300 {
        let time = |rng: &mut fastrand::Rng| format!("{:02}:{:02}", rng.u8(0..24), rng.u8(0..4) * 15);
        let (from, to) = (time(&mut rng), time(&mut rng));
        if from == to {
            continue;
        }
        let days = ["mon-fri", "sat,sun", "mon-sun", "wed"][rng.usize(..4)];
        let window = window(days, &from, &to, zones[rng.usize(..zones.len())]);
        // Starts near a change of the clocks, if there is one.
        let change = window.zone.following(at("2026-01-01T00:00:00Z").instant()).nth(rng.usize(..2));
        let start = change.map_or(at("2026-05-01T00:00:00Z"), |change| Timestamp::from_instant(change.timestamp()));
        let start = start.minus(Duration::from_secs(60 * rng.u64(0..1800)));
        let open = window.is_open(start);
        let turn = if open { window.closes_after(start) } else { window.opens_after(start) };
        let oracle = (1..60 * 24 * 10)
            .map(|minute| start.plus(Duration::from_secs(60 * minute)))
            .find(|moment| window.is_open(*moment) != open);
        match (turn, oracle) {
            (Some(turn), Some(oracle)) => {
                turns += 1;
                let early = oracle.since(turn);
                assert!(
                    turn <= oracle && early < Duration::from_secs(60),
                    "case {case}: {window}, from {start}: {turn}, not {oracle}"
                );
            }
            (turn, oracle) => assert!(
                turn.is_none_or(|turn| turn > start.plus(Duration::from_secs(86_400 * 9))) && oracle.is_none(),
                "case {case}: {window}, from {start}: {turn:?}, not {oracle:?}"
            ),
        }
    }
    assert!(turns > 200, "{turns}");
}
