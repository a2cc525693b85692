//! Deletes what has expired.

use cloakroom::Timestamp;

use crate::failure::Failure;
use crate::output::line;
use crate::store::Store;

pub(super) async fn run(url: &str) -> Result<(), Failure> {
    let swept = Store::open(url).await?.index()?.sweep(Timestamp::now()).await?;
    line(format!("{swept} expired records deleted"))
}
