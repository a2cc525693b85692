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

/// For every store what a request costs that leaves its session alone, reads, writes, and begins one.
const FIGURES: [(Framework, Kept, [Figures; 4]); 8] = [
    (Framework::Axum, Kept::Memory, [of(2.0, 2_330.0), of(3.0, 11_520.0), of(12.0, 18_880.0), of(12.4, 23_340.0)]),
    (Framework::Axum, Kept::Cookie, [of(2.0, 2_330.0), of(5.0, 14_810.0), of(16.0, 33_040.0), of(12.0, 25_640.0)]),
    (Framework::Axum, Kept::File, [of(2.0, 2_330.0), of(5.0, 21_900.0), of(15.0, 79_580.0), of(13.0, 75_120.0)]),
    (Framework::Axum, Kept::Redis, [of(2.0, 2_330.0), of(17.0, 35_070.0), of(41.0, 71_740.0), of(34.0, 75_820.0)]),
    (Framework::ActixWeb, Kept::Memory, [of(1.0, 2_490.0), of(3.0, 12_340.0), of(12.0, 19_750.0), of(12.4, 26_240.0)]),
    (Framework::ActixWeb, Kept::Cookie, [of(1.0, 2_490.0), of(5.0, 15_640.0), of(16.0, 45_040.0), of(12.0, 37_710.0)]),
    (Framework::ActixWeb, Kept::File, [of(1.0, 2_490.0), of(5.0, 22_730.0), of(15.0, 80_650.0), of(13.0, 78_770.0)]),
    (Framework::ActixWeb, Kept::Redis, [of(1.0, 2_490.0), of(17.0, 36_160.0), of(41.0, 73_260.0), of(34.0, 78_900.0)]),
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
