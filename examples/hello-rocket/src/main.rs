//! Starts the application: `cargo run -p hello-rocket`, then open the address that it prints.

#[rocket::main]
async fn main() -> Result<(), rocket::Error> {
    hello_rocket::app().launch().await?;
    Ok(())
}
