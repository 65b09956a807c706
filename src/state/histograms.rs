//! The histograms of a closing record: written from the tallies, and checked against them.
//!
//! A stranger's text is never decoded into a histogram, which would take memory as its header asks for it. The counts are
//! encoded once more and compared; what is inflated for that is bounded by what it must be.

use crate::event::{Histograms, SetHistograms, TimeHistograms};
use crate::state::{RunState, Tally};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2Serializer};
use std::io::Read;

/// Bytes of all sets' texts together. With the two texts of the whole run, of which none is larger than 150 kB for any times
/// below a day, the line stays below the 1 MiB that readers look for at the end of a file.
const MAX_SETS: usize = 512 * 1024;
/// Bytes in front of the deflated part: a cookie and a length (both of 32 bits).
const PREFIX: usize = 8;
/// The cookie: V2, deflated.
const COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
/// Where the inflated header says up to which value the writer had room. It depends on the order of the values, and says
/// nothing about them.
const ROOM: std::ops::Range<usize> = 24..32;

impl RunState {
    /// The histograms for the closing record.
    pub fn histograms(&self) -> Option<Histograms> {
        let mut bytes = 0;
        let sets = self.by_set().map_while(|(set, tally)| {
            let times = encode(tally)?;
            bytes += times.latency.len() + times.queue.len();
            (bytes <= MAX_SETS).then(|| SetHistograms { set: set.clone(), times })
        });
        let sets = sets.collect();
        Some(Histograms { total: encode(self.total())?, sets })
    }

    /// Whether a closing record has the times of the lines before it; the error says which it has not.
    pub(super) fn agrees_with(&self, found: &Histograms) -> Result<(), String> {
        let check = |tally: &Tally, times: &TimeHistograms, of: &str| {
            for ((name, histogram), text) in tally.histograms().into_iter().zip([&times.latency, &times.queue]) {
                if !says(text, histogram) {
                    return Err(format!("the {name} histogram of {of} differs"));
                }
            }
            Ok(())
        };
        check(self.total(), &found.total, "the run")?;
        if found.sets.len() > self.by_set().count() {
            return Err("there are histograms of more sets than the plan has".to_owned());
        }
        self.by_set().zip(&found.sets).try_for_each(|((set, tally), found)| {
            if *set != found.set {
                return Err(format!("there is no histogram of set {:?} where it must be", set.as_str()));
            }
            check(tally, &found.times, &format!("set {:?}", set.as_str()))
        })
    }
}

fn encode(tally: &Tally) -> Option<TimeHistograms> {
    let [latency, queue] = tally.histograms().map(|(_, histogram)| text(histogram));
    Some(TimeHistograms { latency: latency?, queue: queue? })
}

/// Writing to memory does not fail. Should it ever, the record has no histograms, and the run ends as it would have.
fn text(histogram: &Histogram<u64>) -> Option<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).ok()?;
    Some(STANDARD.encode(bytes))
}

/// Whether a text is this histogram's.
fn says(text: &str, histogram: &Histogram<u64>) -> bool {
    let mut wanted = Vec::new();
    if V2Serializer::new().serialize(histogram, &mut wanted).is_err() {
        return false;
    }
    let Some(mut found) = inflated(text, wanted.len()) else { return false };
    for bytes in [&mut wanted, &mut found] {
        bytes.get_mut(ROOM).into_iter().flatten().for_each(|byte| *byte = 0);
    }
    found == wanted
}

/// The V2 form of a text, which must have this length.
fn inflated(text: &str, length: usize) -> Option<Vec<u8>> {
    // Deflate never makes anything this much larger.
    if text.len() > 2 * length + 1024 {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    let deflated = bytes.strip_prefix(&COOKIE)?;
    let (said, deflated) = deflated.split_at_checked(PREFIX - COOKIE.len())?;
    if u32::from_be_bytes(said.try_into().ok()?) as usize != deflated.len() {
        return None;
    }
    let mut found = Vec::with_capacity(length);
    ZlibDecoder::new(deflated).take(length as u64 + 1).read_to_end(&mut found).ok()?;
    (found.len() == length).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::Deserializer;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).unwrap_or_else(|error| panic!("{error}"));
        for value in values {
            histogram.record(*value).unwrap_or_else(|error| panic!("{error}"));
        }
        histogram
    }

    fn encoded(values: &[u64]) -> String {
        text(&histogram(values)).unwrap_or_default()
    }

    #[test]
    fn a_text_is_that_of_its_values_in_any_order_and_of_no_others() {
        let (up, down) = ([1, 900, 7_000, 7_000, 90_000_000], [90_000_000, 7_000, 900, 7_000, 1]);
        assert!(says(&encoded(&up), &histogram(&down)));
        assert!(encoded(&up).starts_with("HISTFAAA"), "what every tool knows it by");
        assert!(says(&encoded(&[]), &histogram(&[])));
        for other in [&[1, 900, 7_000, 90_000_000][..], &[1, 900, 7_000, 7_004, 90_000_000], &[], &[1]] {
            assert!(!says(&encoded(&up), &histogram(other)), "{other:?}");
            assert!(!says(&encoded(other), &histogram(&up)), "{other:?}");
        }
    }

    #[test]
    fn its_own_library_reads_it_without_loss() {
        let values: Vec<u64> = (0..2_000).map(|n| crate::model::Latency::from_micros(n * n * 7).micros()).collect();
        let bytes = STANDARD.decode(encoded(&values)).unwrap_or_default();
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap_or_else(|error| panic!("{error}"));
        let found = read.iter_recorded().flat_map(|step| {
            let value = read.lowest_equivalent(step.value_iterated_to());
            std::iter::repeat_n(value, usize::try_from(step.count_at_value()).unwrap_or(0))
        });
        assert_eq!(found.collect::<Vec<_>>(), values);
    }

    #[test]
    fn a_hostile_text_costs_nothing() {
        let histogram = histogram(&[5]);
        let mut bomb = Vec::new();
        let mut encoder = flate2::write::ZlibEncoder::new(&mut bomb, flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap_or_else(|error| panic!("{error}"));
        drop(encoder.finish());
        let length = u32::try_from(bomb.len()).unwrap_or_default().to_be_bytes();
        let bomb = STANDARD.encode([COOKIE.as_slice(), &length, &bomb].concat());
        let cut = encoded(&[5]);
        for text in ["", "HISTF", "!", &bomb, &cut[..cut.len() - 4], &"A".repeat(1 << 20)] {
            assert!(!says(text, &histogram));
        }
    }

    #[test]
    fn the_largest_text_of_a_run_is_bounded() {
        // A value in every place that a histogram has below a day, with counts that do not compress.
        let mut rng = fastrand::Rng::with_seed(3);
        let mut all = Histogram::<u64>::new(3).unwrap_or_else(|error| panic!("{error}"));
        let mut value = 1;
        while value < 86_400_000_000 {
            all.record_n(value, rng.u64(1..20_000)).unwrap_or_else(|error| panic!("{error}"));
            value = all.next_non_equivalent(value);
        }
        let length = text(&all).unwrap_or_default().len();
        assert!((50_000..150_000).contains(&length), "{length}");
    }
}
