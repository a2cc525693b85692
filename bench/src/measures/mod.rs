//! One file for each measure.

pub(crate) mod expiry;
pub(crate) mod file;
pub(crate) mod holding;
pub(crate) mod in_process;
mod records;
pub(crate) mod redis;
pub(crate) mod sockets;
pub(crate) mod writers;
