//! Pages that a template makes, to which nobody passed the session.

use crate::bed::{Bed, Client, at_once};

fn page(visitor: &Client) -> String {
    let answer = visitor.get("/page").ok().no_cookie();
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{answer:?}");
    answer.body
}

/// The email stands in the page, in a template that it includes, and in a macro of another.
pub(crate) fn a_page_an_include_and_a_macro_see_the_session(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("ana");
    let page = page(&visitor);
    for part in ["email", "included", "macro"] {
        assert!(page.contains(&format!("<p id={part}>ana@example.org</p>")), "{part}: {page}");
    }
}

pub(crate) fn a_page_shows_values_as_text_and_no_markup(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.login("<script>alert(\"1\") & '2'</script>");
    let page = page(&visitor);
    assert!(!page.contains("<script") && !page.contains("</script"), "{page}");
    assert_eq!(page.matches("&lt;script&gt;alert(&quot;1&quot;) &amp; &#x27;2&#x27;").count(), 4, "{page}");
}

pub(crate) fn a_page_loops_over_the_session(bed: &Bed) {
    let visitor = bed.visitor();
    visitor.set("b", 2);
    visitor.set("a", "one");
    visitor.set("c", 1.5);
    visitor.set("%3Ci%3E", true);
    let page = page(&visitor);
    let list = page.split_once("<ul>").and_then(|(_, rest)| rest.split_once("</ul>")).expect("a list").0;
    let items: Vec<_> = list.split("<li>").skip(1).map(|item| item.trim_end_matches("</li>")).collect();
    assert_eq!(items, ["&lt;i&gt;=True", "a=one", "b=2", "c=1.5"], "{page}");
}

// behaviours 50, 51 and 92
pub(crate) fn a_page_of_nobody_is_empty_and_begins_nothing(bed: &Bed) {
    let server = bed.alone(&[]);
    let visitor = server.client();
    let asked = server.asked(|| {
        let page = page(&visitor);
        assert!(page.contains("<p id=email></p>") && page.contains("<p id=macro>nobody</p>"), "{page}");
        assert!(page.contains("<ul></ul>"), "{page}");
    });
    assert_eq!(asked, "");
    assert_eq!(visitor.get("/page").ok().header("vary").map(str::to_ascii_lowercase).as_deref(), Some("cookie"));
}

/// Each page shows the session of its own request.
pub(crate) fn visitors_see_their_own_pages(bed: &Bed) {
    let server = bed.server(&[]);
    let pages = at_once(8, |n| {
        let visitor = server.client();
        visitor.login(&format!("user-{n}"));
        page(&visitor)
    });
    for (n, page) in pages.iter().enumerate() {
        assert_eq!(page.matches(&format!("user-{n}@example.org")).count(), 4, "{page}");
        assert_eq!(page.matches("@example.org").count(), 4, "{page}");
    }
    // A visitor who logs out is shown no more than anybody.
    let visitor = server.client();
    visitor.login("ana");
    visitor.post("/logout").ok();
    assert!(!page(&visitor).contains("ana"));
}
