//! What sessions cost, and how much more they may.

use crate::subject::{Case, Framework, Kept, Operation};

/// What sessions added to a request when this was last written: allocations on its thread, and instructions as callgrind
/// counts them. Its processor has no instructions for SHA-256 and AES-GCM, so that a look-up costs some 4,000 more than in
/// reality, and a seal even more.
pub(crate) struct Figures {
    pub(crate) allocations: f64,
    pub(crate) instructions: f64,
}

/// Allocations repeat, but for tables that grow at times, and for how the answers of a server come in pieces.
pub(crate) const MORE_ALLOCATIONS: f64 = 0.5;

/// Instructions repeat for one build, and vary a little with the toolchain; by a tenth they may grow.
pub(crate) const MORE_INSTRUCTIONS: f64 = 0.10;

/// For every store what a request costs that leaves its session alone, reads, writes, and begins one, on one of several
/// workers: the only one leaves reads of a file to a thread of the store.
const FIGURES: [(Framework, Kept, [Figures; 4]); 8] = [
    (Framework::Axum, Kept::Memory, [of(2.0, 2_330.0), of(3.0, 11_660.0), of(12.0, 18_970.0), of(12.4, 23_000.0)]),
    (Framework::Axum, Kept::Cookie, [of(2.0, 2_330.0), of(5.0, 14_940.0), of(16.0, 31_760.0), of(12.0, 24_460.0)]),
    (Framework::Axum, Kept::File, [of(2.0, 2_330.0), of(5.0, 22_060.0), of(15.0, 79_730.0), of(13.0, 75_280.0)]),
    (Framework::Axum, Kept::Redis, [of(2.0, 2_330.0), of(16.0, 35_320.0), of(33.0, 69_810.0), of(25.0, 59_590.0)]),
    (Framework::ActixWeb, Kept::Memory, [of(1.0, 2_430.0), of(3.0, 12_430.0), of(12.0, 19_800.0), of(12.4, 24_830.0)]),
    (Framework::ActixWeb, Kept::Cookie, [of(1.0, 2_440.0), of(5.0, 15_710.0), of(16.0, 37_360.0), of(12.0, 30_060.0)]),
    (Framework::ActixWeb, Kept::File, [of(1.0, 2_440.0), of(5.0, 22_840.0), of(15.0, 80_720.0), of(13.0, 76_500.0)]),
    (Framework::ActixWeb, Kept::Redis, [of(1.0, 2_440.0), of(16.0, 36_440.0), of(33.0, 70_770.0), of(25.0, 61_650.0)]),
];

const fn of(allocations: f64, instructions: f64) -> Figures {
    Figures { allocations, instructions }
}

/// All that is held against limits.
pub(crate) fn all() -> impl Iterator<Item = (Case, &'static Figures)> {
    FIGURES.iter().flat_map(|(framework, kept, figures)| {
        let case = |operation| Case { framework: *framework, kept: *kept, operation };
        Operation::ALL.into_iter().map(case).zip(figures)
    })
}
