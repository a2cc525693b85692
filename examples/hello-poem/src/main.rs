//! Starts the application: `cargo run -p hello-poem`, then open <http://localhost:3000>.

use poem::Server;
use poem::listener::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    Server::new(TcpListener::bind(address)).run(hello_poem::app()).await
}
