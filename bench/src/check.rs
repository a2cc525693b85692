//! What every contender has to do right before it is measured.

use crate::Result;
use crate::contenders::Contender;
use crate::subject::{Answer, Ask};
use crate::work::{EMAIL, Operation};

/// Fills a session, and sees that it is kept, read, changed and told from others. Answers its cookie.
pub(crate) fn contender(contender: &Contender, mut ask: impl FnMut(&Ask) -> Result<Answer>) -> Result<Option<String>> {
    let label = contender.label();
    let mut expect = |path, cookie: Option<&str>, body: &str| -> Result<Answer> {
        let answer = ask(&Ask::new(path, cookie))?;
        if answer.status != 200 || answer.body != body {
            return Err(format!("{label}: {path} answered {} {:?} and not {body:?}", answer.status, answer.body).into());
        }
        Ok(answer)
    };
    let filled = expect(Operation::New.path(), None, "ok")?.cookie();
    if contender.is_base() {
        return Ok(Some(format!("__Host-sid={}", "A".repeat(43))));
    }
    let Some(filled) = filled else { return Err(format!("{label}: a new session set no cookie").into()) };
    expect(Operation::Untouched.path(), Some(&filled), "ok")?;
    expect(Operation::Read.path(), Some(&filled), EMAIL.1)?;
    expect(Operation::Read.path(), None, "")?;
    let mut cookie = filled.clone();
    for count in 1..=3 {
        let answer = expect(Operation::Write.path(), Some(&cookie), &count.to_string())?;
        cookie = answer.cookie().unwrap_or(cookie);
    }
    expect(Operation::Read.path(), Some(&cookie), EMAIL.1)?;
    expect(Operation::Write.path(), None, "1")?;
    Ok(Some(filled))
}
