//! The guide, page by page.
//!
//! | page | for whoever wants to know |
//! |---|---|
//! | [lifecycle] | what happens to a session in a request, and when it ends |
//! | [users] | who may go on, a user's devices, how many sessions a user may have |
//! | [security] | which defaults there are and why, and what is left to do |
//! | [ambient] | how models, templates and tasks reach the session |
//! | [concurrency] | what becomes of changes that requests make at the same time |
//! | [stores] | where sessions are kept, and how to write a store |
//! | [operations] | what can be counted and observed, what is logged, and a page that shows it |
//! | [command_line] | how to look into a store from a terminal, end sessions, and move them |
//! | [testing] | how to test an application that uses sessions |
//! | [coming_from] | what things are called elsewhere, and what differs |

/// One page: the Markdown under `docs/guide`, whose examples are tests.
///
/// The pages link to each other by names that they define at their end, for readers of the files. Markdown takes the
/// first definition of a name, so those that are put before the page here win where rustdoc reads it.
macro_rules! page {
    ($name:ident, $file:literal, $($reference:literal)*) => {
        #[doc = "[lifecycle]: crate::guide::lifecycle"]
        #[doc = "[users]: crate::guide::users"]
        #[doc = "[security]: crate::guide::security"]
        #[doc = "[ambient]: crate::guide::ambient"]
        #[doc = "[concurrency]: crate::guide::concurrency"]
        #[doc = "[stores]: crate::guide::stores"]
        #[doc = "[operations]: crate::guide::operations"]
        #[doc = "[command line]: crate::guide::command_line"]
        #[doc = "[testing]: crate::guide::testing"]
        #[doc = "[coming from]: crate::guide::coming_from"]
        #[doc = ""]
        #[doc = include_str!($file)]
        #[doc = ""]
        #[doc = "# In the reference"]
        #[doc = ""]
        $(#[doc = $reference])*
        pub mod $name {}
    };
}

page!(lifecycle, "../docs/guide/lifecycle.md",
    "- [`Session`](crate::Session), [`Session::load`](crate::Session::load), [`Session::save`](crate::Session::save)"
    "- [`Session::login`](crate::Session::login), [`Session::renew`](crate::Session::renew), [`Session::destroy`](crate::Session::destroy)"
    "- [`Lifetime`](crate::Lifetime), [`CookieKind`](crate::CookieKind), [`Session::remember`](crate::Session::remember)"
    "- [`SessionManagerBuilder`](crate::SessionManagerBuilder), [`OutagePolicy`](crate::OutagePolicy)"
    "- [`Error`](crate::Error), [`ErrorKind`](crate::ErrorKind)"
);
page!(security, "../docs/guide/security.md",
    "- [`CookieConfig`](crate::CookieConfig), [`SameSite`](crate::SameSite), [`Lifetime`](crate::Lifetime)"
    "- [`Session::login`](crate::Session::login), [`Session::renew`](crate::Session::renew), [`Session::authenticated_at`](crate::Session::authenticated_at)"
    "- [`SessionManager::sessions_of`](crate::SessionManager::sessions_of), [`SessionManager::revoke_user`](crate::SessionManager::revoke_user), [`SessionManager::revoke_others`](crate::SessionManager::revoke_others)"
);
page!(users, "../docs/guide/users.md",
    "- [`User`](crate::User), [`FreshUser`](crate::FreshUser), [`Require`](crate::Require), [`Policy`](crate::Policy)"
    "- [`Session::require_user`](crate::Session::require_user), [`Session::require_fresh`](crate::Session::require_fresh), [`Session::require_tokens`](crate::Session::require_tokens), [`Session::has_token`](crate::Session::has_token)"
    "- [`Session::note`](crate::Session::note), [`SessionManager::sessions_of`](crate::SessionManager::sessions_of), [`SessionManager::revoke_of`](crate::SessionManager::revoke_of)"
    "- [`SessionManagerBuilder::sessions_per_user`](crate::SessionManagerBuilder::sessions_per_user), [`CookieStore::revocable_with`](crate::CookieStore::revocable_with)"
);
page!(ambient, "../docs/guide/ambient.md",
    "- [`Session::current`](crate::Session::current), [`Session::scope`](crate::Session::scope), [`Session::enter`](crate::Session::enter)"
    "- [`Session::view`](crate::Session::view), [`templates`](crate::templates)"
    "- [`Session::set_transient`](crate::Session::set_transient), [`Session::write_transient`](crate::Session::write_transient)"
);
page!(concurrency, "../docs/guide/concurrency.md",
    "- [`Session::update`](crate::Session::update), [`Session::update_now`](crate::Session::update_now)"
    "- [`Session::transaction`](crate::Session::transaction), [`View`](crate::View)"
    "- [`ErrorKind::Conflict`](crate::ErrorKind::Conflict), [`ErrorKind::Ended`](crate::ErrorKind::Ended)"
);
page!(stores, "../docs/guide/stores.md",
    "- [`SessionStore`](crate::SessionStore), [`SessionIndex`](crate::SessionIndex), [`Record`](crate::Record), [`Backend`](crate::Backend)"
    "- [`MemoryStore`](crate::MemoryStore), [`CookieStore`](crate::CookieStore), [`Config`](crate::Config)"
);
page!(operations, "../docs/guide/operations.md",
    "- [`Observer`](crate::Observer), [`Event`](crate::Event), [`Refusal`](crate::Refusal), [`SessionManagerBuilder::observer`](crate::SessionManagerBuilder::observer)"
    "- [`SessionManager::sweep`](crate::SessionManager::sweep), [`SessionManager::count`](crate::SessionManager::count), [`SessionManager::list`](crate::SessionManager::list)"
    "- the module `operators`, with the feature of the same name"
);
page!(command_line, "../docs/guide/command-line.md",
    "- [`SessionManager::list`](crate::SessionManager::list), [`SessionManager::revoke`](crate::SessionManager::revoke), [`SessionManager::sweep`](crate::SessionManager::sweep)"
    "- [`Config::findings`](crate::Config::findings), [`Finding`](crate::Finding), [`store_from_url`](crate::store_from_url)"
);
page!(testing, "../docs/guide/testing.md",
    "- [`SessionManager::open`](crate::SessionManager::open), [`Session::commit`](crate::Session::commit), [`adapter`](crate::adapter)"
    "- [`Clock`](crate::Clock), [`SessionManagerBuilder::clock`](crate::SessionManagerBuilder::clock)"
    "- the modules `testing` and `conformance`, with the features of the same names"
);
page!(coming_from, "../docs/guide/coming-from.md",
    "- [`Session`](crate::Session), [`SessionManager`](crate::SessionManager), [`Lifetime`](crate::Lifetime), [`CookieConfig`](crate::CookieConfig)"
    "- Other systems' words find ours in the search of this documentation."
);
