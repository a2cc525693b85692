//! What visitors of an application do to their sessions.

use std::future::Future;
use std::path::Path;

use cloakroom::{FileStore, Handle, Session, SessionManager};
use tokio::task::JoinHandle;

use crate::Result;

/// Runs this on as many threads as a small machine has processors.
pub(crate) fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work)
}

/// Begins a task.
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = Result<T>> + Send + 'static,
) -> JoinHandle<Result<T>> {
    tokio::spawn(task)
}

/// Waits for tasks, and answers what they did.
pub(crate) async fn all<T>(tasks: Vec<JoinHandle<Result<T>>>) -> Result<Vec<T>> {
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await??);
    }
    Ok(answers)
}

pub(crate) async fn manager(path: impl AsRef<Path>) -> Result<SessionManager> {
    Ok(SessionManager::new(FileStore::open(path).await?))
}

/// Begins a session whose number is 1, and answers its cookie.
pub(crate) async fn begin(sessions: &SessionManager) -> Result<String> {
    let session = opened(sessions, "").await?;
    session.set("n", 1)?;
    commit(&session).await?.ok_or_else(|| "a new session has a cookie".into())
}

/// The session that a cookie opens.
pub(crate) async fn opened(sessions: &SessionManager, cookie: &str) -> Result<Session> {
    let session = sessions.open(cookie.to_owned());
    session.load().await?;
    Ok(session)
}

/// The number of a session, if the cookie opens one.
pub(crate) async fn number(sessions: &SessionManager, cookie: &str) -> Result<Option<u64>> {
    Ok(opened(sessions, cookie).await?.get("n")?)
}

/// Counts the number of a session up by one, at once, and answers what it is now.
pub(crate) async fn increment(sessions: &SessionManager, cookie: &str) -> Result<u64> {
    let session = opened(sessions, cookie).await?;
    Ok(session.update_now("n", |n: Option<u64>| n.unwrap_or(0) + 1).await?)
}

pub(crate) async fn log_out(sessions: &SessionManager, cookie: &str) -> Result {
    let session = opened(sessions, cookie).await?;
    session.logout()?;
    commit(&session).await.map(drop)
}

/// Ends a request, and answers the cookie that its response sets.
pub(crate) async fn commit(session: &Session) -> Result<Option<String>> {
    let committed = session.commit(200).await;
    if let Some(error) = committed.error {
        return Err(error.into());
    }
    let cookie = committed.edits.set_cookies().next().and_then(|header| header.split(';').next().map(str::to_owned));
    Ok(cookie)
}

/// A random number below this one.
pub(crate) fn below(limit: u64) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Handle::random().as_bytes()[..8]);
    u64::from_le_bytes(bytes) % limit
}
