//! The session in templates, one case for each engine.

use cloakroom::{MemoryStore, Session, SessionManager};
use serde::Serialize;

#[derive(Serialize)]
struct Item {
    name: &'static str,
    count: u8,
}

/// Runs `check` in a request whose session holds what a page shows.
async fn in_request(check: impl FnOnce()) {
    let session = SessionManager::new(MemoryStore::new()).open(());
    session.load().await.expect("loads");
    session.set("email", "<ana>@example.org").expect("sets");
    session.set("cart", [Item { name: "mug", count: 2 }, Item { name: "pen", count: 1 }]).expect("sets");
    session.set("items", 7).expect("sets");
    session.set_transient("locale", "pt").expect("sets");
    session.login("ana").expect("logs in");
    session.flash_now("info", "saved").expect("says");
    session.scope(async { check() }).await;
}

mod minijinja {
    use ::minijinja::Environment;

    use super::in_request;

    fn environment() -> Environment<'static> {
        let mut environment = Environment::new();
        cloakroom::templates::add_to_environment(&mut environment);
        let templates = [
            (
                "page.html",
                "{% import 'macros.html' as macros %}{{ session.email }}|{% include 'part.html' %}|{{ macros.who() }}",
            ),
            ("part.html", "{% for item in session.cart %}{{ item.count }} {{ item.name }},{% endfor %}"),
            ("macros.html", "{% macro who() %}{{ session.user }}{% endmacro %}"),
        ];
        for (name, source) in templates {
            environment.add_template(name, source).expect("a template");
        }
        environment
    }

    fn render(source: &str) -> Result<String, ::minijinja::Error> {
        environment().render_named_str("test.html", source, ())
    }

    fn shown(source: &str) -> String {
        render(source).expect("renders")
    }

    #[tokio::test]
    async fn pages_includes_and_macros_see_the_session_without_being_passed_it() {
        in_request(|| {
            let page = environment().get_template("page.html").expect("is there").render(()).expect("renders");
            assert_eq!(page, "&lt;ana&gt;@example.org|2 mug,1 pen,|ana");
        })
        .await;
    }

    #[tokio::test]
    async fn only_data_is_seen() {
        in_request(|| {
            assert_eq!(shown("{{ session.items }} {{ session.locale }} [{{ session.name }}]"), "7 pt []");
            assert_eq!(shown("{% for key in session %}{{ key }},{% endfor %}"), "cart,email,items,locale,");
            assert_eq!(
                shown("{{ 'email' in session }} {{ 'handle' in session }} {{ session|length }}"),
                "True False 4"
            );
            assert_eq!(shown("{{ session['email']|upper }}"), "&lt;ANA&gt;@EXAMPLE.ORG");
            assert_eq!(shown("{% if session.missing %}yes{% else %}no{% endif %}"), "no");
            assert!(render("{{ session.renew() }}").is_err() && render("{{ session.token() }}").is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn pages_show_what_the_user_may_do() {
        in_request(|| {
            let session = cloakroom::Session::current().expect("in a request");
            session.set("tokens", ["page.*"]).expect("sets");
            let page = "{{ acl() }} {{ acl(none) }} {{ acl('page.edit') }} {{ acl('page') }} {{ acl('shop') }}";
            assert_eq!(shown(page), "True True True False False");
            session.destroy().expect("ends");
            session.set("tokens", ["*"]).expect("sets");
            assert_eq!(shown(page), "False False False False False", "without a user there are no tokens");
        })
        .await;
    }

    #[tokio::test]
    async fn messages_are_taken_once() {
        in_request(|| {
            let source = "{% for flash in flashes() %}[{{ flash.kind }}] {{ flash.text }}{% endfor %}";
            assert_eq!((shown(source).as_str(), shown(source).as_str()), ("[info] saved", ""));
        })
        .await;
    }

    #[test]
    fn outside_of_a_request_there_is_an_error_that_says_so() {
        let error = render("{{ session.email }}").expect_err("no session");
        assert!(format!("{error:#}").contains(".layer(sessions.layer())"), "{error:#}");
    }
}

mod serde_view {
    use super::{Session, in_request};

    #[tokio::test]
    async fn the_view_is_a_map_of_data() {
        in_request(|| {
            let view = Session::current().and_then(|session| session.view()).expect("reads");
            let json = serde_json::to_value(&view).expect("writes");
            let expected = serde_json::json!({
                "email": "<ana>@example.org",
                "cart": [{ "name": "mug", "count": 2 }, { "name": "pen", "count": 1 }],
                "items": 7,
                "locale": "pt",
                "user": "ana",
            });
            assert_eq!(json, expected);
            assert!(!format!("{view:?}").contains("example.org"));
        })
        .await;
    }
}

mod tera {
    use ::tera::{Context, Tera};

    use super::{Session, in_request};

    /// The context of every page: the application adds the session once, where it renders.
    fn context() -> Result<Context, Box<dyn std::error::Error>> {
        let mut context = Context::new();
        context.insert("session", &Session::current()?.view()?);
        Ok(context)
    }

    #[tokio::test]
    async fn pages_see_the_session() {
        in_request(|| {
            let mut tera = Tera::default();
            let page = "{{ session.email }}|{% for item in session.cart %}{{ item.count }} {{ item.name }},{% endfor %}\
                        {% if session.user %}{{ session.user }}{% endif %}{% if session.missing %}!{% endif %}";
            tera.add_raw_template("page.html", page).expect("a template");
            let page = tera.render("page.html", &context().expect("a context")).expect("renders");
            assert_eq!(page, "&lt;ana&gt;@example.org|2 mug,1 pen,ana");
        })
        .await;
    }
}

mod askama {
    use ::askama::Template;
    use serde_json::Value;

    use super::{Session, in_request};

    /// Askama checks its templates when they are compiled, so the view goes through a value that it can index.
    #[derive(Template)]
    #[template(
        source = "{% if let Some(email) = session[\"email\"].as_str() %}{{ email }}{% endif %}|\
                  {% if let Some(cart) = session[\"cart\"].as_array() %}\
                  {% for item in cart %}{{ item[\"count\"] }},{% endfor %}{% endif %}",
        ext = "html"
    )]
    struct Page {
        session: Value,
    }

    #[tokio::test]
    async fn pages_see_the_session() {
        in_request(|| {
            let view = Session::current().and_then(|session| session.view()).expect("reads");
            let page = Page { session: serde_json::to_value(view).expect("writes") };
            assert_eq!(page.render().expect("renders"), "&#60;ana&#62;@example.org|2,1,");
        })
        .await;
    }
}
