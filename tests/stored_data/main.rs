//! Reads the files, Redis dumps and cookies that earlier versions wrote. See the README beside.

mod compare;
mod folder;
mod renewals;
mod samples;
mod sealed;
mod stored;
mod unmoved;
mod values;

/// Runs each check on the file and on the Redis dump of each version.
macro_rules! on_both_stores {
    ($($checks:ident::$check:ident,)+) => {
        on_both_stores!(file, in_a_file, $($checks::$check,)+);
        on_both_stores!(redis, in_redis, $($checks::$check,)+);
    };
    ($store:ident, $open:ident, $($checks:ident::$check:ident,)+) => {
        mod $store {
            use crate::stored::{Stored, versions};

            $(
                #[tokio::test]
                async fn $check() -> cloakroom::Result<()> {
                    for version in versions() {
                        crate::$checks::$check(&Stored::$open(&version).await).await?;
                    }
                    Ok(())
                }
            )+
        }
    };
}

on_both_stores! {
    unmoved::every_record_is_as_it_was_written,
    unmoved::every_session_opens_with_all_that_it_held,
    unmoved::every_session_goes_on,
    unmoved::what_has_expired_is_swept,
    unmoved::sessions_can_be_ended,
    unmoved::pending_logins_count_against_the_limit,
    renewals::a_renewed_session_opens_by_its_new_token,
    renewals::the_next_periodic_renewal_is_when_it_is_due,
    renewals::a_periodic_renewal_is_followed,
    renewals::an_explicit_renewal_that_was_cut_off_is_taken_back,
    renewals::an_explicit_renewal_cuts_the_old_token,
    renewals::registered_sessions_open_and_move,
}
