//! Figures that tests find, printed so that `scripts/faults` can collect them.

/// Says what was found for a row of docs/faults.md.
#[allow(clippy::print_stdout, reason = "scripts/faults reads it")]
pub fn figure(row: &str, found: impl std::fmt::Display) {
    println!("figure: {row}: {found}");
}

/// The value below which this share of all is.
pub fn quantile(mut all: Vec<std::time::Duration>, share: f64) -> std::time::Duration {
    assert!(!all.is_empty(), "nothing was measured");
    all.sort_unstable();
    let last = all.len() - 1;
    all[(last as f64 * share).round() as usize]
}
