//! Counting what sessions add to a request.

use std::collections::HashMap;
use std::process::Command;

use crate::subject::Case;

/// Heap allocations of a request's own thread that sessions add to it, on average of many requests.
pub(crate) fn added_allocations(case: Case, redis: &str) -> f64 {
    let count = |case: Case| {
        let mut subject = case.subject(redis);
        subject.run(1_000);
        const REQUESTS: usize = 2_000;
        let allocations = allocation_counter::measure(|| subject.run(REQUESTS)).count_total;
        allocations as f64 / REQUESTS as f64
    };
    count(case) - count(case.base())
}

/// Instructions of whole requests as callgrind counts them.
pub(crate) struct Instructions {
    redis: String,
    /// What was counted already: the same request without sessions is compared with many.
    known: HashMap<String, f64>,
}

impl Instructions {
    pub(crate) fn new(redis: &str) -> Self {
        Self { redis: redis.to_owned(), known: HashMap::new() }
    }

    /// Those that sessions add to a request.
    pub(crate) fn added(&mut self, case: Case) -> Result<f64, String> {
        Ok(self.each(case)? - self.each(case.base())?)
    }

    /// Counted in runs of two lengths, so that the start of the program does not count.
    fn each(&mut self, case: Case) -> Result<f64, String> {
        const SHORT: u32 = 200;
        const LONG: u32 = 1_200;
        if let Some(known) = self.known.get(&case.to_string()) {
            return Ok(*known);
        }
        let difference = self.collected(case, LONG)? - self.collected(case, SHORT)?;
        let each = difference / f64::from(LONG - SHORT);
        self.known.insert(case.to_string(), each);
        Ok(each)
    }

    fn collected(&self, case: Case, requests: u32) -> Result<f64, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["--loop", &case.to_string(), &requests.to_string(), &self.redis])
            .output()
            .map_err(|error| format!("valgrind: {error}; install it (apt-get install valgrind)"))?;
        let log = String::from_utf8_lossy(&output.stderr);
        let line =
            log.lines().find_map(|line| line.split_once("Collected :")).ok_or_else(|| log.clone().into_owned())?;
        line.1.trim().parse().map_err(|error| format!("{error}: {log}"))
    }
}
