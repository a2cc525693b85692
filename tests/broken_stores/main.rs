//! Each law notices a store that breaks it: a suite that nothing can fail proves nothing.

mod store;

use std::panic::catch_unwind;

use cloakroom::Error;
use cloakroom::conformance::{self, index_laws, store_laws};
use store::{Flaw, Plain};

// The store that is broken below keeps all laws as long as it is whole.
store_laws!(whole, || async { Ok::<_, Error>(Plain::new(None)) });
index_laws!(whole_index, || async { Ok::<_, Error>(Plain::new(None)) });

/// `flaw: laws that notice it`
macro_rules! noticed {
    ($($flaw:ident: $($module:ident::$law:ident),+;)*) => {$(
        #[test]
        #[allow(non_snake_case)]
        fn $flaw() {
            $(
                let kept = catch_unwind(|| {
                    let make = || async { Ok::<_, Error>(Plain::new(Some(Flaw::$flaw))) };
                    conformance::run(conformance::$module::$law, make);
                });
                assert!(kept.is_err(), "{} does not notice {:?}", stringify!($module::$law), Flaw::$flaw);
            )+
        }
    )*};
}

noticed! {
    ExpiresAMomentLate: expiry::is_at_the_instant_of_the_deadline, expiry::is_by_the_earlier_deadline,
        expiry::is_exact_to_the_millisecond, expiry::is_beyond_a_swap, expiry::is_beyond_a_touch,
        expiry::is_beyond_a_delete, create::takes_an_expired_key, create::of_an_expired_record_leaves_nothing,
        find::answers_nothing_expired, sweep::removes_the_expired_only, list::counts_live_records_only;
    ExpiresByTheIdleDeadlineOnly: expiry::is_by_the_earlier_deadline, sweep::honours_each_record_s_deadlines;
    RoundsDeadlinesToSeconds: expiry::is_exact_to_the_millisecond, load::answers_what_was_created;
    TakesNeverForALongTime: expiry::never_comes_without_a_deadline, touch::knows_never,
        sweep::keeps_what_never_expires, load::keeps_every_column_to_its_limits;
    KeepsSignedNumbers: load::keeps_every_column_to_its_limits;
    KeepsOnlySmallData: load::answers_data_of_every_size;
    KeepsUsersInLowerCase: find::takes_names_literally;
    CutsLongUsers: load::answers_users_of_every_shape;
    ForgetsPendingRecords: load::answers_records_of_every_kind, swap::changes_the_kind, create::refuses_a_taken_key;
    CutsKeys: load::tells_keys_apart_that_look_alike, list::pages_without_gap_or_repeat;
    MakesARecordOfAnUnknownKey: load::of_an_unknown_key_is_absent;
    TouchesWhenItLoads: load::changes_nothing;
    AnswersNothingAtOnce: load::at_once_answers_the_same;
    CreateOverwrites: create::refuses_a_taken_key, find::ignores_what_was_refused;
    CreateChecksThenWrites: race::one_create_wins;
    CreateRefusesDeletedKeys: create::takes_a_deleted_key;
    SwapCreates: swap::never_creates, swap::never_brings_the_deleted_back, expiry::is_beyond_a_swap;
    SwapIgnoresTheTag: swap::compares_the_whole_revision;
    SwapIgnoresTheRevision: swap::conflict_answers_the_current_record, race::one_swap_wins;
    SwapKeepsTheUser: swap::replaces_every_column, find::follows_a_swap;
    SwapKeepsTheDeadline: swap::sets_the_deadlines, sweep::honours_a_deadline_that_moved;
    SwapKeepsTheKind: swap::changes_the_kind, list::counts_what_a_record_becomes;
    SwapDrawsARevisionOfItsOwn: swap::shows_a_writer_its_own_write;
    SwapChecksThenWrites: race::one_swap_wins, race::increments_add_up, race::a_swap_never_outlives_a_delete;
    ConflictAnswersTheWrongRecord: swap::conflict_answers_the_current_record,
        race::one_swap_wins;
    TouchMovesBack: touch::never_moves_the_deadline_back, race::the_furthest_touch_stays;
    TouchPassesTheAbsoluteDeadline: touch::never_passes_the_absolute_deadline;
    TouchDoesNothing: touch::moves_the_idle_deadline, find::follows_a_touch;
    TouchForgetsWhenItWas: touch::notes_when_it_was;
    TouchMakesARevision: touch::leaves_data_and_revision_alone;
    TouchIgnoresTheRevision: touch::of_another_revision_is_stale;
    TouchProlongsMarkers: touch::of_what_is_not_live_is_stale;
    TouchCreates: touch::never_creates, expiry::is_beyond_a_touch;
    TouchChecksThenWrites: race::a_touch_never_outlives_a_delete, race::a_touch_never_undoes_a_swap;
    DeleteAnswersNone: delete::answers_what_it_removed, race::one_delete_gets_the_record;
    DeleteRemovesNothing: delete::answers_what_it_removed, find::forgets_the_deleted;
    DeleteAnswersTheFirstVersion: delete::answers_the_newest_version;
    DeleteFailsIfThereIsNothing: delete::of_a_missing_record_answers_none;
    DeleteChecksThenRemoves: race::one_delete_gets_the_record;
    CountsEveryKind: list::counts_live_records_only, list::counts_what_a_record_becomes;
    ListsEveryKind: list::answers_live_records_only;
    ListsInNoOrder: list::pages_without_gap_or_repeat;
    ListsWithoutLimit: list::respects_the_limit;
    ListsTheKeyItself: list::goes_on_behind_a_key_that_is_gone;
    FindMissesPending: find::answers_all_kinds_of_a_user, find::answers_all_kinds_of_a_handle;
    FindAnswersLiveOnly: find::never_misses_a_session_in_renewal, find::answers_all_kinds_of_a_user;
    FindsByPrefix: find::takes_names_literally;
    FindAnswersTheExpired: find::answers_nothing_expired;
    FindForgetsTheExpired: find::forgets_nothing_that_slower_clocks_see;
    LoadForgetsTheExpired: expiry::is_no_reason_to_forget;
    CreateForgetsTheExpired: expiry::is_no_reason_to_forget;
    DeleteKeepsTheExpired: expiry::is_beyond_a_delete;
    FindsByOldNames: find::follows_a_swap, find::forgets_what_an_expired_key_was;
    FindFailsOnUnknownKinds: find::answers_all_kinds_of_a_user, find::answers_all_kinds_of_a_handle;
    TakesUnknownKindsForLive: load::answers_records_of_every_kind, list::answers_live_records_only,
        list::counts_live_records_only;
    PagesMissPending: pages::show_every_kind;
    PagesShowLiveOnly: pages::show_every_kind, pages::never_miss_a_session_in_renewal;
    PagesShowTheExpired: pages::leave_out_the_expired;
    PagesEndTooSoon: pages::miss_nothing_that_is_there, pages::go_on_while_their_records_are_deleted;
    PagesCountFromTheStart: pages::go_on_while_their_records_are_deleted;
    PagesFindByPrefix: pages::take_names_literally;
    PagesAsOfTheFirstVersion: pages::follow_a_touch_and_a_swap;
    DeleteManyRemovesSome: delete::of_many_has_no_limit;
    DeleteManyReturnsAll: delete::of_many_tells_what_was_there;
    DeleteManyKeepsMarkers: delete::of_many_removes_these_only;
    DeleteManySkipsWhatChanged: delete::of_many_tells_what_was_there;
    DeleteManyTellsNobody: announcements::tell_of_every_delete;
    SweepRemovesLive: sweep::removes_the_expired_only;
    SweepGoesByOneClock: sweep::spares_what_slower_clocks_see;
    SweepAnswersZero: sweep::removes_the_expired_only, sweep::removes_records_of_every_kind, sweep::frees_the_key;
    SweepGoesByADefault: sweep::honours_each_record_s_deadlines, sweep::keeps_what_never_expires;
    ExpiriesGoByTheIdleDeadline: expiries::answers_when_each_session_expires;
    ExpiriesAnswerSomeOnly: expiries::answers_a_thousand_at_once;
    ExpiriesAnswerTheExpired: expiries::leaves_out_what_is_over;
    ExpiriesTakeEveryKind: expiries::takes_no_leftover_for_a_session, expiries::never_misses_a_session_in_renewal;
    ExpiriesTakeLiveOnly: expiries::never_misses_a_session_in_renewal;
    ExpiriesAsOfTheFirstVersion: expiries::follows_a_touch_and_a_swap;
    SwapTellsOfNoEnd: announcements::tell_of_every_delete;
    AnnouncesLiveRecordsOnly: announcements::tell_of_every_delete;
    AnnouncesWithoutListening: announcements::tell_of_every_delete;
    TellsOfMarkers: announcements::tell_of_what_is_swept_once;
    TellsOfASweepTwice: announcements::tell_of_what_is_swept_once;
    TellsOfOneOnly: announcements::tell_of_what_is_swept_once;
}
