//! Every request that the testbed answers: one table for all frameworks.

use std::pin::Pin;

use cloakroom::Session;

use crate::handlers::{Call, Outcome, identity, lifetime, manager, pages, streams, transient, values};

/// A request that the testbed answers.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// A parameter is always the last segment, and written `{…}`.
    pub(crate) path: &'static str,
    pub(crate) run: Run,
}

#[derive(Clone, Copy)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// A handler, as a framework runs it.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Never looks at the session.
    Apart(fn(Call) -> Work),
    /// Takes the session that the framework's extractor loaded.
    With(fn(Session, Call) -> Work),
    /// A WebSocket: the framework takes the session with its extractor, upgrades, and hands both to
    /// [`sockets::talk`](crate::handlers::sockets::talk).
    Socket,
}

/// A handler at work.
pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

macro_rules! routes {
    ($($verb:ident $path:literal $kind:ident $($handler:path)?;)*) => {
        &[$(Route { verb: Verb::$verb, path: $path, run: routes!(@$kind $($handler)?) },)*]
    };
    (@apart $handler:path) => { Run::Apart(|call| Box::pin($handler(call))) };
    (@with $handler:path) => { Run::With(|session, call| Box::pin($handler(session, call))) };
    (@socket) => { Run::Socket };
}

pub(crate) const ROUTES: &[Route] = routes! {
    Get "/untouched" apart values::untouched;
    Get "/get/{key}" with values::get;
    Get "/all" with values::all;
    Post "/set/{key}" with values::set;
    Post "/remove/{key}" with values::remove;
    Post "/clear" with values::clear;
    Post "/incr/{key}" with values::incr;
    Post "/incr-now/{key}" with values::incr_now;
    Post "/slow-set/{key}" with values::slow_set;
    Get "/slow-get/{key}" with values::slow_get;
    Post "/push/{key}" with values::push;
    Post "/clear-then-set/{key}" with values::clear_then_set;
    Post "/set-then-fail/{key}" with values::set_then_fail;
    Post "/set-then-panic/{key}" with values::set_then_panic;
    Get "/type/{key}" with values::type_of;

    Post "/login" with identity::login;
    Post "/logout" with identity::logout;
    Post "/logout-then-set/{key}" with identity::logout_then_set;
    Post "/renew" with identity::renew;
    Post "/renew-then-fail" with identity::renew_then_fail;
    Post "/flash" with identity::flash;
    Get "/flashes" with identity::flashes;

    Post "/remember" with lifetime::remember;
    Get "/lifetime" with lifetime::deadlines;

    Post "/transient/{key}" with transient::transient;
    Post "/shadow/{key}" with transient::shadow;
    Get "/model/{key}" with transient::model;
    Get "/spawned/{key}" with transient::spawned;

    Get "/stream/{key}" with streams::stream;
    Get "/stream-new/{key}" with streams::stream;
    Get "/page" with pages::page;
    Get "/ws" socket;

    Get "/stats" apart manager::stats;
    Post "/sweep" apart manager::sweep;
    Get "/count" apart manager::count;
    Get "/sessions/{user}" with manager::sessions;
    Post "/revoke/{handle}" apart manager::revoke;
    Post "/revoke-user/{user}" with manager::revoke_user;
};
