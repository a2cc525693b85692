//! Starts the application: `cargo run -p hello-salvo`, then open <http://localhost:3000>.

use salvo::prelude::*;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let acceptor = TcpListener::new(address).bind().await;
    Server::new(acceptor).try_serve(hello_salvo::app()).await
}
