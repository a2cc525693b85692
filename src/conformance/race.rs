//! Laws of verbs that meet at one key: each is atomic, and what was destroyed stays destroyed.

use std::sync::Arc;

use super::checked::{Checked, HOUR, MINUTE, ROUNDS, both, live, new_key, rewritten, together};
use crate::clock::Timestamp;
use crate::record::{Data, Record};
use crate::store::{Created, SessionStore, Swap, Touched};

/// How many tasks meet.
const TASKS: usize = 8;

/// One of many creates of a key wins, and its record is the one that is kept.
// behaviour 4
pub async fn one_create_wins(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for _ in 0..ROUNDS {
        let key = new_key();
        let records: Arc<Vec<Record>> = Arc::new((0..TASKS).map(|_| live(now)).collect());
        let answers = together(TASKS, |number| {
            let (store, records) = (store.clone(), Arc::clone(&records));
            Box::pin(async move { store.create(key, &records[number], now).await })
        })
        .await;
        let winners: Vec<_> = (0..TASKS).filter(|number| answers[*number] == Created::Created).collect();
        assert_eq!(winners.len(), 1, "exactly one of {TASKS} creates of one key wins");
        let kept = store.load(key, now).await;
        assert_eq!(kept.as_ref(), Some(&records[winners[0]]), "the record of the create that won is kept");
    }
}

/// One of many swaps of the same version wins; the others are told the winner's record.
// behaviours 36 and 37
pub async fn one_swap_wins(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for _ in 0..ROUNDS {
        let old = live(now);
        let key = store.put_new(&old, now).await;
        let records: Arc<Vec<Record>> = Arc::new((0..TASKS).map(|_| rewritten(&old)).collect());
        let answers = together(TASKS, |number| {
            let (store, records) = (store.clone(), Arc::clone(&records));
            Box::pin(async move { store.swap(key, old.revision, &records[number], now).await })
        })
        .await;
        let winners: Vec<_> = (0..TASKS).filter(|number| answers[*number] == Swap::Swapped).collect();
        assert_eq!(winners.len(), 1, "exactly one of {TASKS} swaps of one version wins");
        let winner = &records[winners[0]];
        assert_eq!(store.load(key, now).await.as_ref(), Some(winner), "the record of the swap that won is kept");
        let told =
            answers.iter().filter(|answer| matches!(answer, Swap::Conflict(current) if current == winner)).count();
        assert_eq!(told, TASKS - 1, "a swap that lost is told the record that won");
    }
}

/// Tasks that read, add one and swap, again after a conflict, lose nothing.
// behaviours 36 and 49
pub async fn increments_add_up(store: Arc<dyn SessionStore>) {
    const EACH: u64 = 25;
    let (store, now) = (Checked::new(store), Timestamp::now());
    let number = |value: u64| Data::from(&value.to_le_bytes()[..]);
    let value = |record: &Record| record.data.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let key = store.put_new(&Record { data: number(0), ..live(now) }, now).await;
    together(TASKS, |_| {
        let store = store.clone();
        Box::pin(async move {
            let Some(mut current) = store.load(key, now).await else { panic!("load answers a record that is there") };
            for _ in 0..EACH {
                loop {
                    let next = Record { data: number(value(&current) + 1), ..rewritten(&current) };
                    match store.swap(key, current.revision, &next, now).await {
                        Swap::Swapped => {
                            current = next;
                            break;
                        }
                        Swap::Conflict(newer) => current = newer,
                        Swap::Gone => panic!("swap answers Gone only for a record that is gone"),
                    }
                }
            }
        })
    })
    .await;
    let Some(last) = store.load(key, now).await else { panic!("load answers a record that is there") };
    let expected = TASKS as u64 * EACH;
    assert_eq!(value(&last), expected, "{TASKS} tasks that add {EACH} each add {expected}");
    assert_eq!(last.revision.counter, expected + 1, "each swap was one");
}

/// One of many deletes gets the record.
// behaviours 7 and 8
pub async fn one_delete_gets_the_record(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for _ in 0..ROUNDS {
        let record = live(now);
        let key = store.put_new(&record, now).await;
        let answers = together(TASKS, |_| {
            let store = store.clone();
            Box::pin(async move { store.delete(key, now).await })
        })
        .await;
        let got: Vec<Record> = answers.into_iter().flatten().collect();
        assert_eq!(got, [record], "exactly one of {TASKS} deletes gets the record");
        assert_eq!(store.load(key, now).await, None, "a deleted record is absent");
    }
}

/// A swap that meets a delete leaves nothing behind, and the delete tells which version it removed.
// behaviour 41
pub async fn a_swap_never_outlives_a_delete(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..ROUNDS {
        let old = live(now);
        let key = store.put_new(&old, now).await;
        let new = rewritten(&old);
        let (swapper, deleter) = (store.clone(), store.clone());
        let (expected, written) = (old.revision, new.clone());
        let (swapped, removed) =
            both(round, async move { swapper.swap(key, expected, &written, now).await }, async move {
                deleter.delete(key, now).await
            })
            .await;
        assert_eq!(store.load(key, now).await, None, "a swap that meets a delete leaves no record behind");
        match swapped {
            Swap::Swapped => assert_eq!(removed, Some(new), "delete answers what a swap before it wrote"),
            Swap::Gone => assert_eq!(removed, Some(old), "swap answers Gone if the delete came first"),
            Swap::Conflict(_) => panic!("a delete is no conflict"),
        }
    }
}

/// A touch that meets a delete leaves nothing behind.
// behaviour 42
pub async fn a_touch_never_outlives_a_delete(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..ROUNDS {
        let record = live(now);
        let key = store.put_new(&record, now).await;
        let (toucher, deleter, touched) = (store.clone(), store.clone(), record.clone());
        let (touched, removed) =
            both(round, async move { toucher.touch(key, &touched, now + HOUR * 2, now).await }, async move {
                deleter.delete(key, now).await
            })
            .await;
        assert_eq!(store.load(key, now).await, None, "a touch that meets a delete leaves no record behind");
        assert_ne!(touched, Touched::Stale, "a delete is no other revision");
        assert_eq!(removed.map(|removed| removed.data), Some(record.data), "delete answers the record that it removed");
    }
}

/// A touch that meets a swap takes nothing of it back.
// behaviours 15 and 36
pub async fn a_touch_never_undoes_a_swap(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..ROUNDS {
        let old = live(now);
        let key = store.put_new(&old, now).await;
        let new = rewritten(&old);
        let (toucher, swapper) = (store.clone(), store.clone());
        let (touched, (expected, written)) = (old.clone(), (old.revision, new.clone()));
        let (_, swapped) =
            both(round, async move { toucher.touch(key, &touched, now + HOUR * 2, now).await }, async move {
                swapper.swap(key, expected, &written, now).await
            })
            .await;
        assert_eq!(swapped, Swap::Swapped, "a touch is no conflict for a swap");
        assert_eq!(store.load(key, now).await, Some(new), "a touch takes nothing of a swap back");
    }
}

/// Of many touches the furthest deadline stays.
// behaviours 15 and 17
pub async fn the_furthest_touch_stays(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for _ in 0..ROUNDS {
        let record = Arc::new(live(now));
        let key = store.put_new(&record, now).await;
        let deadline = move |number: usize| now + HOUR + MINUTE * (number as u32 + 1);
        together(TASKS, |number| {
            let (store, record) = (store.clone(), Arc::clone(&record));
            Box::pin(async move { store.touch(key, &record, deadline(number), now).await })
        })
        .await;
        let stays = store.load(key, now).await.map(|record| record.idle_deadline);
        assert_eq!(stays, Some(deadline(TASKS - 1)), "of many touches the furthest deadline stays");
    }
}
