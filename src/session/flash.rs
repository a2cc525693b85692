//! Messages for the next request: "saved", "signed out".

use serde::{Deserialize, Serialize};

use super::Session;
use crate::error::Result;
use crate::record::{Flashes, WaitingFlash};

/// A message that one request leaves for the next.
///
/// ```
/// use cloakroom::Flash;
///
/// fn line(flash: &Flash) -> String {
///     format!("[{}] {}", flash.kind, flash.text)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flash {
    /// What kind of message it is, as in `info` or `error`: for the application to style.
    pub kind: String,
    /// What it says.
    pub text: String,
}

/// Which messages are this request's own.
#[derive(Debug, Default)]
pub(crate) struct Flashing {
    left: Vec<u64>,
    now: Vec<Flash>,
}

impl Session {
    /// Leaves a message for the next request that takes messages. It waits until one does, and is not seen by this one.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.flash("info", "saved")?;
    /// # Ok(()) }
    /// ```
    // behaviours 126 and 127
    #[doc(alias = "message")]
    pub fn flash(&self, kind: impl Into<String>, text: impl Into<String>) -> Result<()> {
        let number = u64::from_le_bytes(self.manager().random().bytes());
        let waiting = WaitingFlash { number, flash: Flash { kind: kind.into(), text: text.into() } };
        self.write(|open| {
            open.run(move |draft| {
                let mut flashes: Flashes = draft.values.own()?.unwrap_or_default();
                flashes.0.push(waiting.clone());
                draft.values.set_own(&flashes, draft.limit())
            })?;
            open.flashing.left.push(number);
            Ok(())
        })
    }

    /// Shows a message in this request only, among those that it takes.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](crate::ErrorKind::NotLoaded), [`Ended`](crate::ErrorKind::Ended).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.flash_now("error", "that is no e-mail address")?;
    /// assert_eq!(session.flashes()?[0].kind, "error");
    /// # Ok(()) }
    /// ```
    pub fn flash_now(&self, kind: impl Into<String>, text: impl Into<String>) -> Result<()> {
        let flash = Flash { kind: kind.into(), text: text.into() };
        self.with(|open| {
            open.flashing.now.push(flash);
            Ok(())
        })
    }

    /// Takes the messages that earlier requests left, and those of [`flash_now`](Session::flash_now).
    ///
    /// A request whose ticket was just replaced sees none and takes none: they wait.
    ///
    /// # Errors
    ///
    /// As for [`set`](Session::set).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// for flash in session.flashes()? {
    ///     println!("[{}] {}", flash.kind, flash.text);
    /// }
    /// # Ok(()) }
    /// ```
    #[doc(alias = "get_flashed_messages")]
    pub fn flashes(&self) -> Result<Vec<Flash>> {
        let seen = self.read(|open| open.waiting_flashes())?;
        if !seen.is_empty() {
            let taken: Vec<u64> = seen.iter().map(|waiting| waiting.number).collect();
            self.write(|open| {
                open.run(move |draft| {
                    let mut flashes: Flashes = draft.values.own()?.unwrap_or_default();
                    flashes.0.retain(|waiting| !taken.contains(&waiting.number));
                    if flashes.0.is_empty() {
                        draft.values.remove_own::<Flashes>();
                        return Ok(());
                    }
                    draft.values.set_own(&flashes, draft.limit())
                })
            })?;
        }
        let mut flashes: Vec<_> = seen.into_iter().map(|waiting| waiting.flash).collect();
        flashes.extend(self.read(|open| Ok(std::mem::take(&mut open.flashing.now)))?);
        Ok(flashes)
    }

    /// The messages that [`flashes`](Session::flashes) would take; they stay.
    ///
    /// # Errors
    ///
    /// As for [`get`](Session::get).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let waiting = session.peek_flashes()?.len();
    /// # Ok(()) }
    /// ```
    pub fn peek_flashes(&self) -> Result<Vec<Flash>> {
        self.read(|open| {
            let waiting = open.waiting_flashes()?.into_iter().map(|waiting| waiting.flash);
            Ok(waiting.chain(open.flashing.now.iter().cloned()).collect())
        })
    }
}

impl super::state::Open {
    fn waiting_flashes(&self) -> Result<Vec<WaitingFlash>> {
        let flashes: Flashes = self.draft.values.own()?.unwrap_or_default();
        Ok(flashes.0.into_iter().filter(|waiting| !self.flashing.left.contains(&waiting.number)).collect())
    }
}
