//! Random schedules in virtual time, many of them over a change of the clocks: no job begins outside its window, and none
//! is in flight when it ends, as long as requests take no longer than those before.

use super::{Hour, Schedule};
use crate::execute::testing::Fold;
use crate::model::{DurationSpec, OutsideWindow, Timestamp, Window};
use jiff::tz::TimeZone;
use std::time::Duration;

const ZONES: [&str; 8] = [
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/St_Johns",
    "UTC",
];

/// A window that was drawn, and the same as plain numbers for a judge that knows no `Window`.
struct Drawn {
    window: Window,
    days: [bool; 7],
    from: i32,
    to: i32,
}

fn draw(rng: &mut fastrand::Rng) -> Drawn {
    const DAYS: [(&str, [bool; 7]); 4] = [
        ("mon-fri", [true, true, true, true, true, false, false]),
        ("mon-sun", [true; 7]),
        ("sat,sun", [false, false, false, false, false, true, true]),
        ("sun-tue", [true, true, false, false, false, false, true]),
    ];
    let (words, days) = DAYS[rng.usize(..4)];
    let from = rng.i32(0..96) * 15;
    let to = loop {
        let to = rng.i32(1..=96) * 15;
        if to != from {
            break to;
        }
    };
    let parse = |minutes: i32| format!("{:02}:{:02}", minutes / 60, minutes % 60).parse();
    let zone = ZONES[rng.usize(..ZONES.len())];
    let window = Window {
        days: words.parse().unwrap_or_else(|error| panic!("{error}")),
        from: parse(from).unwrap_or_else(|error| panic!("{error}")),
        to: parse(to).unwrap_or_else(|error| panic!("{error}")),
        zone: TimeZone::get(zone).unwrap_or_else(|error| panic!("{error}")),
        outside: if rng.bool() { OutsideWindow::Wait } else { OutsideWindow::Stop },
    };
    Drawn { window, days, from, to }
}

/// Whether a moment lies in the window, by the words of the local date and time alone.
fn lies_within(drawn: &Drawn, at: Timestamp) -> bool {
    let moment: jiff::Timestamp = at.to_string().parse().unwrap_or_else(|error| panic!("{error}"));
    let local = moment.to_zoned(drawn.window.zone.clone()).strftime("%u %H %M").to_string();
    let words: Vec<i32> = local.split(' ').filter_map(|word| word.parse().ok()).collect();
    let (day, minute) = (usize::try_from(words[0] - 1).unwrap_or_default(), words[1] * 60 + words[2]);
    let before = (day + 6) % 7;
    if drawn.from < drawn.to {
        drawn.days[day] && (drawn.from..drawn.to).contains(&minute)
    } else {
        drawn.days[day] && minute >= drawn.from || drawn.days[before] && minute < drawn.to
    }
}

/// A moment near a change of the clocks of this zone, if it has any.
fn start(window: &Window, rng: &mut fastrand::Rng) -> Timestamp {
    let year = Timestamp::parse(&format!("20{}-01-01T00:00:00Z", rng.u8(24..36))).unwrap_or_else(Timestamp::now);
    let instant: jiff::Timestamp = year.to_string().parse().unwrap_or_else(|error| panic!("{error}"));
    let change = window.zone.following(instant).nth(rng.usize(..2)).map(|change| change.timestamp().to_string());
    let near = change.and_then(|change| Timestamp::parse(&change)).unwrap_or(year);
    near.minus(Duration::from_secs(rng.u64(0..48 * 3600))).plus(Duration::from_secs(rng.u64(0..3600)))
}

#[test]
fn no_schedule_lets_a_job_begin_outside_its_window_or_be_in_flight_at_its_end() {
    let (mut sends, mut stops, mut waits, mut over_a_change) = (0, 0, 0, 0);
    let Fold(run) = Fold::new(&[]);
    for seed in 0..10_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let drawn = draw(&mut rng);
        let timeout = Duration::from_secs(rng.u64(1..600));
        let deadline = rng.bool().then(|| DurationSpec::from(Duration::from_secs(rng.u64(60..200_000))));
        let began = start(&drawn.window, &mut rng);
        let mut schedule = Schedule::new(began, deadline, Some(drawn.window.clone()), timeout);
        let mut now = began;
        let first_offset = drawn.window.local(now);
        // A job every few minutes, for two days or until the schedule says that it is over.
        for _ in 0..200 {
            match schedule.at(now, &run) {
                Hour::Open(until) => {
                    assert!(lies_within(&drawn, now), "seed {seed}: {} begins at {now}", drawn.window);
                    assert!(until.is_none_or(|until| until > now), "seed {seed}");
                    let end = deadline.map(|deadline| began.plus(deadline.get()));
                    assert!(end.is_none_or(|end| now < end), "seed {seed}: after the deadline");
                    // The longest that it can take, less a blink.
                    let last = now.plus(timeout.saturating_sub(Duration::from_millis(1)));
                    assert!(lies_within(&drawn, last), "seed {seed}: {} in flight at its end, {last}", drawn.window);
                    sends += 1;
                    now = now.plus(Duration::from_millis(rng.u64(1..1_800_000)));
                }
                Hour::Wait(until, _) => {
                    assert!(until > now, "seed {seed}: a wait that is over");
                    waits += 1;
                    // Sometimes it is looked at before.
                    let early = now.plus(until.since(now).mul_f64(rng.f64()));
                    now = if rng.bool() { until } else { early.max(now.plus(Duration::from_secs(1))) };
                }
                Hour::Over(..) => {
                    stops += 1;
                    break;
                }
            }
        }
        let zone = |words: &str| words.rsplit(' ').next().map(str::to_owned);
        over_a_change += u32::from(zone(&first_offset) != zone(&drawn.window.local(now)));
    }
    assert!(sends > 100_000 && stops > 1_000 && waits > 1_000, "{sends} sends, {stops} stops, {waits} waits");
    assert!(over_a_change > 500, "{over_a_change} went over a change of the clocks");
}
