//! Prefixes of satellite networks.
//!
//! +870 Inmarsat and +881 the global mobile satellite system are satellite codes as a whole (ITU-T E.164, list of assigned
//! country codes). +882 is shared by all sorts of international networks: its satellite operators are listed, and the
//! networks of ships and aircraft, which reach the ground by satellite. +883 has none.

/// Digits after the plus.
const PREFIXES: [&str; 8] = [
    "870",   // Inmarsat
    "881",   // Iridium, Globalstar
    "88213", // EMSAT
    "88216", // Thuraya
    "88220", // ACeS
    "88232", // ships
    "88298", // aircraft
    "88299", // aircraft
];

/// Whether a number with these digits is on a satellite network.
pub(super) fn is_satellite(digits: &str) -> bool {
    PREFIXES.iter().any(|prefix| digits.starts_with(prefix))
}
