//! Starts the application: `cargo run -p hello-rocket`, then open the address that it prints.

#[rocket::launch]
fn rocket() -> _ {
    hello_rocket::app()
}
