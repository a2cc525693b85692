//! The application as a browser uses it, in process.

use rocket::http::{ContentType, Status};
use rocket::local::blocking::Client;

fn page(client: &Client) -> String {
    client.get("/").dispatch().into_string().expect("a page")
}

fn ticket(client: &Client) -> Option<String> {
    client.cookies().get("__Host-sid").map(|cookie| cookie.value().to_owned())
}

#[test]
fn visits_are_counted_and_a_visitor_signs_in_and_out() {
    let client = Client::tracked(hello_rocket::app()).expect("it launches");
    assert!(page(&client).contains("Visit 1"));
    assert!(page(&client).contains("Visit 2"));

    let before = ticket(&client);
    let answer = client.post("/sign-in").header(ContentType::Form).body("name=ana").dispatch();
    assert_eq!(answer.status(), Status::SeeOther);
    assert_ne!(ticket(&client), before, "a login renews the ticket");
    let page_of_ana = page(&client);
    assert!(page_of_ana.contains("Visit 3") && page_of_ana.contains("Sign out"), "{page_of_ana}");

    assert_eq!(client.post("/sign-out").dispatch().status(), Status::SeeOther);
    assert_eq!(ticket(&client), None);
    let page_of_nobody = page(&client);
    assert!(page_of_nobody.contains("Visit 1") && page_of_nobody.contains("Sign in"), "{page_of_nobody}");
}
