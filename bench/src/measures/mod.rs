//! One file for each measure.

pub(crate) mod expiry;
pub(crate) mod holding;
pub(crate) mod in_process;
pub(crate) mod sockets;
pub(crate) mod writers;
