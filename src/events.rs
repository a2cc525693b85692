//! What happens to sessions, as events of `tracing` under the target `cloakroom`: with handles, never with a ticket.

use tracing::{debug, info, warn};

use crate::error::Error;
use crate::record::Handle;

const TARGET: &str = "cloakroom";

pub(crate) fn created(handle: Handle) {
    info!(target: TARGET, %handle, "created");
}

pub(crate) fn loaded(handle: Handle) {
    debug!(target: TARGET, %handle, "loaded");
}

pub(crate) fn saved(handle: Handle) {
    debug!(target: TARGET, %handle, "saved");
}

pub(crate) fn renewed(handle: Handle, why: &'static str) {
    info!(target: TARGET, %handle, why, "renewed");
}

pub(crate) fn conflict(handle: Handle, attempt: u32) {
    debug!(target: TARGET, %handle, attempt, "conflict");
}

/// A ticket of the right form that opens nothing: its session has ended, or it was never issued.
pub(crate) fn expired() {
    debug!(target: TARGET, "expired");
}

pub(crate) fn destroyed(handle: Handle) {
    info!(target: TARGET, %handle, "destroyed");
}

/// A ticket of a form that we never issue.
pub(crate) fn forged() {
    info!(target: TARGET, "forged");
}

/// Another request ended the session under this one: its changes are dropped.
pub(crate) fn ended(handle: Handle) {
    info!(target: TARGET, %handle, "ended meanwhile; the changes of this request are dropped");
}

pub(crate) fn unreadable(error: &Error) {
    warn!(target: TARGET, %error, "a stored session cannot be read; the visitor gets a new one");
}

pub(crate) fn touch_failed(handle: Handle, error: &Error) {
    warn!(target: TARGET, %handle, %error, "the activity could not be noted");
}

pub(crate) fn renewal_failed(handle: Handle, error: &Error) {
    warn!(target: TARGET, %handle, %error, "the ticket could not be renewed in its time");
}

pub(crate) fn store_failed(error: &Error, attempt: u32) {
    warn!(target: TARGET, %error, attempt, "the store failed");
}

pub(crate) fn outage(error: &Error) {
    warn!(target: TARGET, %error, "the store is away; the request goes on without its session");
}

pub(crate) fn body_failed(error: &Error) {
    warn!(target: TARGET, %error, "changes made in a response body could not be saved");
}

/// A response that tells of an error of ours.
pub(crate) fn failed(error: &Error) {
    tracing::error!(target: TARGET, %error, kind = %error.kind(), "failed");
}

pub(crate) fn swept(deleted: u64) {
    debug!(target: TARGET, deleted, "swept");
}

pub(crate) fn sweep_failed(error: &Error) {
    warn!(target: TARGET, %error, "the sweep failed; it is tried again");
}

/// A server that gives up keys when it is full ends sessions, and forgets whose they are.
#[cfg(feature = "redis-1")]
pub(crate) fn may_evict(policy: &str) {
    warn!(
        target: TARGET,
        policy,
        "the Redis server may evict sessions when its memory is full; set its maxmemory-policy to noeviction"
    );
}

pub(crate) fn development_secret() {
    warn!(
        target: TARGET,
        "sessions are sealed with a secret of this process alone: a restart ends them all. Outside of development give \
         `Secrets` of your own"
    );
}

pub(crate) fn insecure_transport() {
    warn!(
        target: TARGET,
        "a secure cookie was set on a request that seems to have come over plain http: outside of localhost browsers \
         drop it. Serve https, or let the proxy say `X-Forwarded-Proto: https`"
    );
}
