//! An authority, and a certificate of it for loopback.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files in the folder of a server.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The certificate for 127.0.0.1 and localhost.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

const KEY: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

impl Certificates {
    pub(crate) fn make(folder: &Path) -> Self {
        let path = |name: &str| folder.join(name);
        let (authority, certificate, key) = (path("ca.crt"), path("server.crt"), path("server.key"));
        let authority_key = path("ca.key");
        openssl(|openssl| {
            openssl.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=tests"]).args(KEY);
            openssl.args(["-addext", "keyUsage=critical,keyCertSign,digitalSignature"]);
            openssl.arg("-keyout").arg(&authority_key).arg("-out").arg(&authority)
        });
        openssl(|openssl| {
            openssl.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"]).args(KEY);
            openssl.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
            openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
            openssl.arg("-CA").arg(&authority).arg("-CAkey").arg(&authority_key);
            openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate)
        });
        Self { authority, certificate, key }
    }
}

fn openssl(arguments: impl FnOnce(&mut Command) -> &mut Command) {
    let mut openssl = Command::new("openssl");
    arguments(&mut openssl).stdin(Stdio::null());
    let output = openssl.output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
