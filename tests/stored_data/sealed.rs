//! Sessions in cookies alone, encrypted and signed.

use cloakroom::Result;
use cloakroom::testing::CookieChange;

use crate::compare::{Times, is_as_written, is_empty};
use crate::folder::Clients;
use crate::samples::{FORMS, SEALED, before, build, manager, renewed, sealed_samples, visit};
use crate::stored::{clients_of, clock, secrets_of, versions, visitor};

#[tokio::test]
async fn every_cookie_opens_with_all_that_it_held() -> Result<()> {
    for version in versions() {
        let (clients, secrets) = (clients_of(&version.join("cookies")), secrets_of(&version));
        for (form, sealed) in FORMS {
            let sessions = build(manager(form.store(&secrets), &clock()));
            for (sample, contents) in sealed_samples() {
                let name = format!("{sealed} {sample}");
                let client = &clients[&name];
                let mut visitor = visitor(&sessions, &client.cookie);
                let session = visitor.session().await?;
                is_as_written(&session, &contents, Times::all(before(SEALED)), &name)?;
                assert_eq!(session.handle()?, Some(client.handle), "{name}");
                assert_eq!(client.cookie.split("; ").count() > 1, sample == "parts", "{name}: in several cookies");
                // A later version seals it anew.
                visit(&mut visitor, |session| session.set("written later", 1)).await?;
                let session = visitor.session().await?;
                assert_eq!(session.get("written later")?, Some(1), "{name}");
                assert_eq!(session.handle()?, Some(client.handle), "{name}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_older_secret_opens_and_the_newest_seals_anew() -> Result<()> {
    for version in versions() {
        let (clients, secrets): (Clients, _) = (clients_of(&version.join("cookies")), secrets_of(&version));
        for (form, sealed) in FORMS {
            let name = format!("{sealed} by an older secret");
            let cookie = &clients[&name].cookie;
            let by = |secrets: &[String]| build(manager(form.store(secrets), &clock()));
            let (all, newest) = (by(&secrets), by(&secrets[..1]));
            is_empty(&visitor(&newest, cookie).session().await?, &name)?;
            let mut visitor = visitor(&all, cookie);
            is_as_written(&visitor.session().await?, &renewed(), Times::all(before(SEALED)), &name)?;
            visit(&mut visitor, |session| session.keys().map(drop)).await?;
            assert_eq!(visitor.change(), CookieChange::Replaced, "{name}");
            let again = crate::stored::visitor(&newest, &visitor.cookie().expect("a cookie"));
            assert_eq!(again.session().await?.user()?.as_deref(), Some("carl"), "{name}");
        }
    }
    Ok(())
}
