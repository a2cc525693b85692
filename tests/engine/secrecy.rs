//! What neither events nor log lines nor numbers contain.

use std::sync::{Arc, Mutex};

use cloakroom::testing::Verb;
use cloakroom::{Event, Session};

use crate::harness::*;

/// What a test looks for: a ticket, and the key that it is kept under, however they could be written.
pub(crate) struct Secrecy(Vec<String>);

impl Secrecy {
    pub(crate) async fn of(site: &Site, visitors: &[Visitor]) -> Self {
        let mut secrets: Vec<String> = Vec::new();
        for visitor in visitors {
            let cookie = visitor.cookie.as_deref().expect("a cookie");
            secrets.push(cookie.split_once('=').expect("a pair").1.to_owned());
        }
        for found in site.records().await {
            let key = found.key.as_bytes();
            secrets.push(key.iter().map(|byte| format!("{byte:02x}")).collect());
            secrets.push(format!("{key:?}"));
            secrets.push(base64(key));
        }
        Self(secrets)
    }

    #[track_caller]
    pub(crate) fn hold(&self, said: &str) {
        for secret in &self.0 {
            assert!(!said.contains(&secret[..20]), "{secret} in {said}");
            assert!(!said.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {said}");
        }
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let digit = |start: usize| (start..start + 6).fold(0, |digit, at| digit << 1 | bits(at));
    (0..bytes.len() * 8).step_by(6).map(|start| char::from(DIGITS[usize::from(digit(start))])).collect()
}

/// All that can happen to sessions, with the visitors that it happened to.
pub(crate) async fn all_sorts(site: &Site) -> Result<Secrecy> {
    let mut ana = Visitor::logged_in(site, "ana").await?;
    let mut visitors = vec![ana.clone()];
    ana.visit(site, |session| session.set("a", 1)).await?;
    ana.visit(site, Session::renew).await?;
    visitors.push(ana.clone());
    visitors[0].arrive(site).await?;
    site.clock.advance(HOUR);
    ana.number(site, "a").await?;
    visitors.push(ana.clone());
    let bob = Visitor::logged_in(site, "bob").await?;
    visitors.push(bob.clone());
    let secrecy = Secrecy::of(site, &visitors).await;
    let (one, other) = (ana.arrive(site).await?, ana.arrive(site).await?);
    one.set("b", 1)?;
    other.set("c", 1)?;
    one.commit(200).await;
    other.commit(200).await;
    for verb in [Verb::Load, Verb::Swap] {
        site.store.on(verb).nth(1).fail_before();
        site.store.on(verb).nth(2).fail_after();
    }
    ana.visit(site, |session| session.set("a", 2)).await?;
    site.sessions.revoke_user("bob").await?;
    bob.arrive(site).await?;
    Visitor { cookie: Some(format!("{}x", ana.cookie.clone().expect("a cookie"))) }.arrive(site).await?;
    let late = ana.arrive(site).await?;
    late.set("a", 3)?;
    ana.visit(site, Session::logout).await?;
    late.commit(200).await;
    site.sessions.sweep().await?;
    Ok(secrecy)
}

// behaviour 138
#[tokio::test(start_paused = true)]
async fn neither_events_nor_logs_contain_a_ticket_or_a_key() -> Result {
    let said = Arc::new(Mutex::new(String::new()));
    let log = {
        let said = Arc::clone(&said);
        Log(move |line: &str| said.lock().expect("nothing panics").push_str(line))
    };
    let _logging = tracing::subscriber::set_default(log);
    // Other tests run beside this one, and what they log first may be remembered as of interest to nobody.
    all_sorts(&Site::with(renews_hourly)).await?;
    tracing::callsite::rebuild_interest_cache();
    let observed = Arc::clone(&said);
    let observer = move |event: &Event<'_>| observed.lock().expect("nothing panics").push_str(&format!("{event:?}\n"));
    let site = Site::with(|builder| renews_hourly(builder).observer(observer));
    let secrecy = all_sorts(&site).await?;
    let said = said.lock().expect("nothing panics");
    for word in ["Created", "Renewed", "Revoked", "Refused", "StoreFailed", "Conflict", "Dropped", "message=created"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.contains("ana"), "users are told");
    secrecy.hold(&said);
    Ok(())
}

/// A subscriber that writes all that is logged, every field of it.
struct Log<W>(W);

impl<W: Fn(&str) + Send + Sync + 'static> tracing::Subscriber for Log<W> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields<'a>(&'a dyn Fn(&str));
        impl tracing::field::Visit for Fields<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                (self.0)(&format!(" {}={value:?}", field.name()));
            }
        }
        event.record(&mut Fields(&self.0));
        (self.0)("\n");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
