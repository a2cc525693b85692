//! One test for each law, from one line.

/// Makes a test of each law of [`SessionStore`](crate::SessionStore), in a module of this name, for the store that the
/// closure makes.
///
/// ```
/// use cloakroom::MemoryStore;
///
/// cloakroom::conformance::store_laws!(memory, || async { Ok::<_, cloakroom::Error>(MemoryStore::new()) });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! store_laws {
    ($name:ident, $make:expr $(,)?) => {
        $crate::__tests_of_laws! {
            $name, $make,
            load:
                answers_what_was_created
                of_an_unknown_key_is_absent
                changes_nothing
                at_once_answers_the_same
                answers_records_of_every_kind
                keeps_every_column_to_its_limits
                answers_users_of_every_shape
                answers_data_of_every_size
                tells_keys_apart_that_look_alike;
            create:
                refuses_a_taken_key
                takes_a_deleted_key
                takes_an_expired_key
                of_an_expired_record_leaves_nothing;
            swap:
                replaces_every_column
                changes_the_kind
                sets_the_deadlines
                never_creates
                never_brings_the_deleted_back
                conflict_answers_the_current_record
                compares_the_whole_revision
                shows_a_writer_its_own_write;
            touch:
                moves_the_idle_deadline
                leaves_data_and_revision_alone
                notes_when_it_was
                never_moves_the_deadline_back
                never_passes_the_absolute_deadline
                knows_never
                of_what_is_not_live_is_stale
                of_another_revision_is_stale
                never_creates;
            delete:
                answers_what_it_removed
                answers_the_newest_version
                of_a_missing_record_answers_none
                of_many_removes_these_only
                of_many_tells_what_was_there
                of_many_has_no_limit;
            expiry:
                is_at_the_instant_of_the_deadline
                is_by_the_earlier_deadline
                is_exact_to_the_millisecond
                is_beyond_a_swap
                is_beyond_a_touch
                is_no_reason_to_forget
                is_beyond_a_delete
                never_comes_without_a_deadline;
            race:
                one_create_wins
                one_swap_wins
                increments_add_up
                one_delete_gets_the_record
                a_swap_never_outlives_a_delete
                a_touch_never_outlives_a_delete
                a_touch_never_undoes_a_swap
                the_furthest_touch_stays;
        }
    };
}

/// Makes a test of each law of [`SessionIndex`](crate::SessionIndex), in a module of this name, for the store that the
/// closure makes.
///
/// ```
/// use cloakroom::MemoryStore;
///
/// cloakroom::conformance::index_laws!(memory_index, || async { Ok::<_, cloakroom::Error>(MemoryStore::new()) });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! index_laws {
    ($name:ident, $make:expr $(,)?) => {
        $crate::__tests_of_laws! {
            $name, $make,
            list:
                counts_live_records_only
                counts_what_a_record_becomes
                answers_live_records_only
                pages_without_gap_or_repeat
                respects_the_limit
                goes_on_behind_a_key_that_is_gone;
            find:
                answers_all_kinds_of_a_user
                answers_all_kinds_of_a_handle
                takes_names_literally
                answers_nothing_expired
                forgets_nothing_that_slower_clocks_see
                follows_a_touch
                follows_a_swap
                forgets_the_deleted
                forgets_what_an_expired_key_was
                ignores_what_was_refused
                never_misses_a_session_in_renewal;
            pages:
                show_every_kind
                take_names_literally
                miss_nothing_that_is_there
                go_on_while_their_records_are_deleted
                leave_out_the_expired
                follow_a_touch_and_a_swap
                forget_what_was_deleted_with_others
                never_miss_a_session_in_renewal;
            sweep:
                removes_the_expired_only
                spares_what_slower_clocks_see
                honours_each_record_s_deadlines
                honours_a_deadline_that_moved
                removes_records_of_every_kind
                keeps_what_never_expires
                frees_the_key;
            expiries:
                answers_when_each_session_expires
                answers_a_thousand_at_once
                leaves_out_what_is_over
                follows_a_touch_and_a_swap
                takes_no_leftover_for_a_session
                takes_an_unknown_kind_for_a_session
                never_misses_a_session_in_renewal;
            announcements:
                tell_of_every_delete
                tell_of_what_is_swept_once;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests_of_laws {
    ($name:ident, $make:expr, $($verb:ident: $($law:ident)*;)*) => {
        mod $name {
            $(mod $verb {
                #[allow(unused_imports)]
                use super::super::*;

                $(#[test]
                fn $law() {
                    $crate::conformance::run($crate::conformance::$verb::$law, $make);
                })*
            })*
        }
    };
}

#[cfg(test)]
mod tests {
    /// A law that is written and not in the list would be no test of anybody's.
    #[test]
    fn no_law_is_forgotten() {
        let lists = include_str!("macros.rs");
        let files = [
            ("load", include_str!("load.rs")),
            ("create", include_str!("create.rs")),
            ("swap", include_str!("swap.rs")),
            ("touch", include_str!("touch.rs")),
            ("delete", include_str!("delete.rs")),
            ("expiry", include_str!("expiry.rs")),
            ("race", include_str!("race.rs")),
            ("list", include_str!("list.rs")),
            ("find", include_str!("find.rs")),
            ("pages", include_str!("pages.rs")),
            ("sweep", include_str!("sweep.rs")),
            ("expiries", include_str!("expiries.rs")),
            ("announcements", include_str!("announcements.rs")),
        ];
        for (verb, source) in files {
            let written: Vec<_> = source
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('('))
                .map(|(law, _)| law)
                .collect();
            let listed: Vec<_> = lists
                .split_once(&format!("            {verb}:"))
                .and_then(|(_, rest)| rest.split_once(';'))
                .map(|(laws, _)| laws.split_whitespace().collect())
                .unwrap_or_default();
            assert_eq!(listed, written, "the laws of {verb}");
        }
    }
}
