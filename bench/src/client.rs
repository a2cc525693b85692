//! A browser that is quick: HTTP/1.1 over one connection, as much as the servers here answer.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;
use crate::subject::{Answer, Ask, pair};

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of a request.
pub(crate) fn request(ask: &Ask) -> Vec<u8> {
    let cookie = ask.cookie.as_ref().map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    format!("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n", ask.path).into_bytes()
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8192) })
    }

    /// Sends a request, and waits for the whole of a good answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.read().await?;
        if self.buffer.starts_with(b"HTTP/1.1 200 ") {
            return Ok(());
        }
        Err(format!("a server answered {}", String::from_utf8_lossy(&self.buffer)).into())
    }

    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        self.stream.write_all(&request(ask)).await?;
        let head = self.read().await?;
        let text = String::from_utf8_lossy(&self.buffer[..head]);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let cookies = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .map(|(_, value)| pair(value.trim_start().as_bytes()))
            .collect();
        Ok(Answer { status, cookies, body: String::from_utf8_lossy(&self.buffer[head..]).into_owned() })
    }

    /// Reads one answer, and says where its body begins.
    async fn read(&mut self) -> Result<usize> {
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("a server closed the connection".into());
            }
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = end + 4;
            if self.buffer.len() >= head + content_length(&self.buffer[..head])? {
                return Ok(head);
            }
        }
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    const NAME: &[u8] = b"\r\ncontent-length:";
    let start = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME)).ok_or("no length")?;
    let value = head[start + NAME.len()..].split(|&byte| byte == b'\r').next().unwrap_or_default();
    Ok(std::str::from_utf8(value)?.trim().parse()?)
}
