//! One table of HTTP scenarios, which runs unchanged against every framework on every store.
//!
//! A scenario is a function in one of the modules of `scenarios`. It gets a line in a table: most hold on every backend,
//! some need a store, some are about sealed cookies. A line of the matrix says which tables it runs.

mod bed;

use bed::Bed;

mod scenarios {
    pub(crate) mod concurrency;
    pub(crate) mod cookies;
    pub(crate) mod expiry;
    pub(crate) mod flash;
    pub(crate) mod forged;
    pub(crate) mod header;
    pub(crate) mod logout;
    pub(crate) mod logs;
    pub(crate) mod manager;
    pub(crate) mod outcomes;
    pub(crate) mod pages;
    pub(crate) mod process;
    pub(crate) mod redis;
    pub(crate) mod renewal;
    pub(crate) mod sealed;
    pub(crate) mod shared;
    pub(crate) mod sockets;
    pub(crate) mod streams;
    pub(crate) mod transient;
    pub(crate) mod untouched;
    pub(crate) mod users;
    pub(crate) mod values;
}

/// Generates a module of tests for each line of the matrix, and in it one for each of its tables. The step `scenarios` of
/// the test command runs what is in `matrix`, on many threads, for scenarios mostly wait.
macro_rules! matrix {
    ($($line:ident: $framework:literal on $store:literal $($option:literal)* runs $($table:ident)+;)+) => {
        mod matrix {
            $(mod $line {
                const BED: crate::Bed = crate::Bed { framework: $framework, store: $store, options: &[$($option),*] };
                $(mod $table {
                    $table! { crate::matrix::$line::BED }
                })+
            })+
        }
    };
}

macro_rules! tests {
    ($bed:expr; $($module:ident: $($scenario:ident)+;)+) => {
        $(mod $module {
            $(#[test]
            fn $scenario() {
                crate::bed::hold(&$bed, stringify!($module), stringify!($scenario), crate::scenarios::$module::$scenario);
            })+
        })+
    };
}

/// What holds wherever sessions are kept.
macro_rules! every_backend {
    ($bed:expr) => {
        tests! { $bed;
            concurrency:
                of_one_key_the_later_commit_wins
                a_request_sees_one_state
                a_client_that_hangs_up_leaves_a_session_that_works
                visitors_do_not_meet;
            cookies:
                the_first_write_sets_one_safe_cookie
                what_looked_at_the_session_varies_once
                insecure_cookies_are_for_plain_http
                the_cookie_is_read_under_the_name_that_it_is_set_with
                the_cookie_is_removed_with_the_attributes_that_it_was_set_with
                other_cookies_are_none_of_its_business;
            expiry:
                silence_ends_it_and_use_extends_it
                use_does_not_extend_it_beyond_the_absolute_deadline
                remembered_is_remembered
                a_remembered_session_is_extended_by_its_own_idle_time
                remembering_does_not_lower_the_absolute_deadline
                asking_how_long_it_lives_is_no_activity
                renewal_moves_no_absolute_deadline_and_login_does
                a_write_that_outlives_its_session_is_dropped;
            flash:
                a_message_is_shown_once
                a_message_waits_until_it_is_taken;
            forged:
                an_unknown_ticket_is_not_adopted
                a_ticket_of_the_past_is_not_adopted
                of_several_cookies_the_one_that_opens_wins
                a_handle_opens_nothing
                tickets_come_by_cookie_only
                an_expired_ticket_is_no_error_and_stays_where_it_is;
            logout:
                logging_out_of_nothing_makes_nothing
                a_new_login_after_logout_is_another_session;
            logs:
                without_being_asked_it_is_silent;
            outcomes:
                an_error_status_keeps_what_was_set
                a_panic_discards_what_was_set
                a_write_that_is_refused_begins_no_session;
            pages:
                a_page_an_include_and_a_macro_see_the_session
                a_page_shows_values_as_text_and_no_markup
                a_page_loops_over_the_session
                a_page_of_nobody_is_empty_and_begins_nothing
                visitors_see_their_own_pages;
            process:
                it_ends_when_it_is_told_to
                requests_under_way_are_answered_before_it_ends
                what_it_cannot_do_is_refused_at_the_start
                one_worker_serves_many;
            renewal:
                renewing_nothing_makes_nothing;
            sockets:
                a_socket_sees_the_session_that_it_was_opened_with
                what_is_no_upgrade_is_told_so
                a_socket_of_nobody_begins_no_session
                a_socket_learns_of_a_logout
                a_socket_learns_that_its_session_has_expired
                a_socket_outlives_renewals_and_logins;
            streams:
                what_would_need_a_cookie_fails;
            transient:
                a_transient_value_is_seen_everywhere_in_its_request
                a_transient_value_changes_no_session
                a_regular_value_is_seen_before_a_transient_one
                a_transient_null_hides_nothing
                models_and_tasks_see_the_session_of_their_request;
            untouched:
                untouched_costs_nothing
                who_only_looks_leaves_nothing_behind
                a_read_is_one_load
                a_change_that_changes_nothing_writes_nothing
                what_was_saved_is_not_saved_again
                paths_that_do_not_exist_do_not_look_at_the_session;
            values:
                values_come_back_as_they_were
                keys_are_decoded
                removing_answers_what_it_was
                clearing_keeps_the_session
                removing_the_last_value_keeps_the_session
                clear_then_set_keeps_the_new_value_only
                updates_are_saved
                a_value_of_another_type_is_not_a_missing_one
                what_is_too_large_is_refused_and_changes_nothing
                bodies_up_to_a_mebibyte_are_read
                what_is_no_json_is_a_bad_request
                no_key_is_reserved
                many_keys_stay_apart;
        }
    };
}

/// What only a store can do: tickets, merging, lists, revocation, and an end that is one.
macro_rules! with_a_store {
    ($bed:expr) => {
        tests! { $bed;
            concurrency:
                different_keys_all_survive
                increments_all_count
                committed_increments_are_all_different
                pushes_are_all_there
                a_slow_write_takes_nothing_back
                a_slow_write_after_a_clear_stays;
            cookies:
                a_ticket_is_43_characters_long
                later_writes_set_no_cookie;
            expiry:
                activity_is_noted_now_and_then
                what_expired_is_neither_counted_nor_kept;
            flash:
                messages_left_at_once_are_all_there;
            forged:
                what_is_no_ticket_never_reaches_the_store
                no_more_than_four_tickets_are_looked_up;
            header:
                a_ticket_leaves_by_the_header_that_it_comes_in
                a_renewed_ticket_leaves_by_the_header
                a_session_that_came_by_cookie_stays_with_it
                a_client_with_a_cookie_gets_no_header
                of_both_the_header_is_asked_first
                a_logout_ends_the_sessions_of_both
                the_answer_varies_by_both;
            logout:
                logout_ends_the_session
                a_write_under_way_does_not_bring_it_back
                neither_does_a_read_under_way_with_a_touch_due
                neither_do_many
                what_is_set_after_logout_is_in_a_new_session
                two_logouts_at_once_are_one;
            logs:
                no_log_line_holds_a_ticket;
            manager:
                a_user_sees_their_sessions
                users_have_any_name
                a_cleared_session_keeps_its_ticket_and_its_place_in_the_list
                a_session_can_be_ended_by_its_handle
                revocation_ends_requests_under_way
                all_of_a_user_can_be_ended
                all_but_this_one_can_be_ended
                sessions_without_a_user_count_too;
            renewal:
                renewing_cuts_the_old_ticket
                after_the_grace_period_the_old_ticket_is_none
                a_write_opened_before_a_renewal_is_dropped
                a_write_opened_before_a_login_is_dropped
                login_renews_and_keeps_the_values
                login_as_somebody_else_leaves_nothing_of_the_first
                a_renewal_before_an_error_keeps_the_session
                of_renewals_at_once_one_wins
                time_renews_and_who_has_the_old_ticket_follows
                a_logout_with_the_old_ticket_ends_the_new_session
                a_logout_during_a_renewal_stays
                after_the_grace_period_nobody_follows
                the_handle_outlives_renewals;
            sockets:
                what_a_socket_saves_others_see
                what_a_socket_does_not_save_is_not_kept
                a_socket_does_not_bring_back_what_ended
                a_socket_learns_that_its_session_was_revoked
                a_socket_that_saves_keeps_its_session;
            streams:
                what_a_body_changes_is_saved_with_its_end
                the_head_is_sent_at_once
                a_body_does_not_bring_back_what_ended
                a_body_takes_nothing_back;
            untouched:
                who_looks_for_a_user_leaves_nothing_behind;
        }
    };
}

/// What several processes on one store can do.
macro_rules! shared_store {
    ($bed:expr) => {
        tests! { $bed;
            shared:
                two_processes_merge_parallel_writers_exactly
                what_one_process_ends_is_over_for_all;
        }
    };
}

/// What a server of the sessions can fail to do.
macro_rules! shared_server {
    ($bed:expr) => {
        tests! { $bed;
            redis:
                an_outage_is_an_error_and_no_logout
                a_silent_server_is_an_outage_too
                an_outage_can_mean_to_go_on_without_a_session
                a_connection_that_was_closed_while_idle_is_no_error
                no_password_is_logged_or_said;
        }
    };
}

/// What holds wherever the server knows whose sessions are live: in stores, and with sealed cookies that one knows of.
macro_rules! known_sessions {
    ($bed:expr) => {
        tests! { $bed;
            users:
                a_copy_of_a_cookie_is_no_use_after_a_logout
                one_logout_ends_the_sessions_of_all_its_cookies
                a_logout_with_a_cookie_that_was_just_replaced_is_one
                two_logins_with_one_cookie_both_succeed
                two_logins_with_one_cookie_are_one_session_of_few
                a_user_of_sealed_or_kept_sessions_is_signed_out_everywhere
                a_new_password_ends_all_other_sessions
                the_oldest_login_makes_room
                a_login_too_many_is_refused
                racing_logins_keep_the_limit;
        }
    };
}

/// What is told of sealed cookies.
macro_rules! sealed_cookies {
    ($bed:expr) => {
        tests! { $bed;
            sealed:
                every_write_sets_a_fresh_cookie_and_a_read_none
                activity_seals_it_anew_now_and_then
                every_changed_bit_opens_nothing
                cuts_extensions_and_garbage_open_nothing
                what_was_sealed_for_another_cookie_opens_nothing
                an_old_secret_opens_and_the_new_one_seals
                a_secret_that_was_drawn_is_of_one_process
                what_is_no_secret_is_refused_at_the_start
                tickets_in_a_header_are_refused_at_the_start
                a_large_session_takes_several_cookies
                what_compresses_well_takes_one_cookie
                parts_of_different_answers_open_nothing
                what_is_too_large_is_refused_and_the_cookie_stays
                a_copied_cookie_is_dead_after_its_idle_deadline
                no_cookie_outlives_its_absolute_deadline
                a_login_moves_the_absolute_deadline
                a_remembered_lifetime_is_in_the_cookie
                a_logout_removes_all_its_cookies
                a_cookie_that_was_copied_before_a_logout_lives_until_its_deadline
                what_is_set_after_logout_is_in_a_session_of_its_own
                a_login_as_somebody_else_leaves_nothing_of_the_first
                the_handle_stays_whatever_is_sealed
                encrypted_hides_and_signed_shows
                no_store_is_asked_and_what_needs_one_says_so
                after_the_head_nothing_can_be_changed
                the_last_answer_wins
                transient_values_are_in_no_cookie
                no_log_line_holds_a_cookie_or_a_secret;
        }
    };
}

matrix! {
    axum_memory: "axum" on "memory:" runs every_backend with_a_store known_sessions;
    axum_file: "axum" on "file:" runs every_backend with_a_store known_sessions shared_store;
    axum_redis: "axum" on "redis:" runs every_backend with_a_store known_sessions shared_store shared_server;
    axum_cookie: "axum" on "cookie:" runs every_backend sealed_cookies;
    axum_revocable: "axum" on "cookie:" "--revocable" runs every_backend known_sessions;
    axum_signed: "axum" on "cookie:" "--signed" runs every_backend sealed_cookies;
    actix_web_memory: "actix-web" on "memory:" runs every_backend with_a_store known_sessions;
    actix_web_file: "actix-web" on "file:" runs every_backend with_a_store known_sessions shared_store;
    actix_web_redis: "actix-web" on "redis:" runs every_backend with_a_store known_sessions shared_store shared_server;
    actix_web_cookie: "actix-web" on "cookie:" runs every_backend sealed_cookies;
    actix_web_signed: "actix-web" on "cookie:" "--signed" runs every_backend sealed_cookies;
    rocket_memory: "rocket" on "memory:" runs every_backend with_a_store known_sessions;
    rocket_file: "rocket" on "file:" runs every_backend with_a_store known_sessions shared_store;
    rocket_redis: "rocket" on "redis:" runs every_backend with_a_store known_sessions shared_store shared_server;
    rocket_cookie: "rocket" on "cookie:" runs every_backend sealed_cookies;
    rocket_signed: "rocket" on "cookie:" "--signed" runs every_backend sealed_cookies;
    poem_memory: "poem" on "memory:" runs every_backend with_a_store known_sessions;
    poem_file: "poem" on "file:" runs every_backend with_a_store known_sessions shared_store;
    poem_redis: "poem" on "redis:" runs every_backend with_a_store known_sessions shared_store shared_server;
    poem_cookie: "poem" on "cookie:" runs every_backend sealed_cookies;
    poem_signed: "poem" on "cookie:" "--signed" runs every_backend sealed_cookies;
    salvo_memory: "salvo" on "memory:" runs every_backend with_a_store known_sessions;
    salvo_file: "salvo" on "file:" runs every_backend with_a_store known_sessions shared_store;
    salvo_redis: "salvo" on "redis:" runs every_backend with_a_store known_sessions shared_store shared_server;
    salvo_cookie: "salvo" on "cookie:" runs every_backend sealed_cookies;
    salvo_signed: "salvo" on "cookie:" "--signed" runs every_backend sealed_cookies;
}
