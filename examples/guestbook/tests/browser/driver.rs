//! A browser for one test: chromedriver as a child, Chromium as its child, and both gone when the test is over.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Runs `scenario` with a new browser, and ends that browser whether it went well, failed or took too long.
pub(crate) async fn with_browser<F, S>(longest: Duration, scenario: S)
where
    F: Future<Output = ()> + Send + 'static,
    S: FnOnce(Arriving) -> F,
{
    let driver = Driver::start();
    let client = driver.browser().await;
    let task = tokio::spawn(scenario(Arriving(client.clone())));
    let aborted = task.abort_handle();
    let outcome = tokio::time::timeout(longest, task).await;
    aborted.abort();
    let closed = tokio::time::timeout(Duration::from_secs(10), client.close()).await;
    match outcome {
        Ok(Ok(())) => closed.expect("the browser closes in time").expect("the browser can be closed"),
        Ok(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => panic!("the browser took longer than {longest:?}"),
    }
}

/// A browser that has not been anywhere.
pub(crate) struct Arriving(Client);

impl Arriving {
    pub(crate) fn at(self, site: String) -> Browser {
        Browser { client: self.0, site }
    }
}

/// How the page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    name: &'static str,
    scheme: &'static str,
    pub(crate) width: u64,
    height: u64,
}

impl Look {
    pub(crate) const LIGHT: Self = Self { name: "light", scheme: "light", width: 1200, height: 800 };
    pub(crate) const DARK: Self = Self { name: "dark", scheme: "dark", width: 1200, height: 800 };
    pub(crate) const PHONE: Self = Self { name: "phone", scheme: "light", width: 360, height: 740 };
}

/// A browser that shows one site. What it is told to do, it has done when it answers.
pub(crate) struct Browser {
    client: Client,
    site: String,
}

impl Browser {
    pub(crate) async fn goto(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.site)).await.expect("the page opens");
    }

    /// Opens a page of any site.
    pub(crate) async fn visit(&self, address: &str) {
        self.client.goto(address).await.expect("the page opens");
    }

    pub(crate) fn site(&self) -> &str {
        &self.site
    }

    pub(crate) async fn reload(&self) {
        self.client.refresh().await.expect("the page opens");
    }

    pub(crate) async fn back(&self) {
        self.client.back().await.expect("there is a page to go back to");
    }

    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("//*[@name='{name}']")).await;
        field.send_keys(text).await.expect("the field takes text");
    }

    /// Presses a button by what it is called, or by what it says.
    pub(crate) async fn press(&self, name: &str) {
        let button = self.find(&format!("//button[@aria-label='{name}' or normalize-space()='{name}']")).await;
        button.click().await.expect("the button can be pressed");
    }

    /// Follows a link by what it says.
    pub(crate) async fn follow(&self, name: &str) {
        let link = self.find(&format!("//a[normalize-space()='{name}']")).await;
        link.click().await.expect("the link can be followed");
    }

    pub(crate) async fn sees(&self, text: &str) {
        // A form that was just sent may still be on its way.
        for _ in 0..100 {
            if self.text().await.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the page does not say {text:?}, but:\n{}", self.text().await);
    }

    /// To be asked after something that is seen, so that the page is known to be there.
    pub(crate) async fn misses(&self, text: &str) {
        let page = self.text().await;
        assert!(!page.contains(text), "the page says {text:?}:\n{page}");
    }

    pub(crate) async fn source(&self) -> String {
        self.client.source().await.expect("a page has a source")
    }

    pub(crate) async fn cookies(&self) -> Vec<Cookie<'static>> {
        self.client.get_all_cookies().await.expect("the browser tells its cookies")
    }

    pub(crate) async fn forget_cookies(&self) {
        self.client.delete_all_cookies().await.expect("the browser forgets its cookies");
    }

    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    pub(crate) async fn tab(&self) -> String {
        self.client.window().await.expect("there is a tab").into()
    }

    /// Opens a tab behind the present one.
    pub(crate) async fn open_tab(&self) -> String {
        self.client.new_window(true).await.expect("a tab opens").handle.into()
    }

    pub(crate) async fn switch_to(&mut self, tab: &str) {
        let handle = WindowHandle::try_from(tab.to_owned()).expect("a handle");
        self.client.switch_to_window(handle).await.expect("the tab is there");
    }

    /// Shows the page as another device would.
    pub(crate) async fn wear(&self, look: Look) {
        let (width, height) = (look.width, look.height);
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.tell("Emulation.setDeviceMetricsOverride", screen).await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": look.scheme }] });
        self.tell("Emulation.setEmulatedMedia", scheme).await;
    }

    /// Leaves a picture of the page where the environment asks for it.
    pub(crate) async fn shoot(&self, name: &str, look: Look) {
        let Some(directory) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
        self.wear(look).await;
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join(format!("{name}-{}.png", look.name)), picture).expect("a file");
    }

    async fn text(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    async fn find(&self, path: &str) -> Element {
        let found: Result<_, CmdError> = self.client.wait().for_element(Locator::XPath(path)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("no {path}: {error}\n{}", self.text().await),
        }
    }

    async fn tell(&self, command: &'static str, parameters: Value) {
        self.client.issue_cmd(DevTools { command, parameters }).await.expect("Chromium knows the command");
    }
}

/// What WebDriver has no words for.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        (axum::http::Method::POST, Some(body.to_string()))
    }
}

/// chromedriver on a free port, with a profile for its browser.
struct Driver {
    child: Child,
    port: u16,
    profile: PathBuf,
    /// Kept open, so that the driver can go on talking.
    _output: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Self {
        let driver = program("chromedriver");
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let port = port(&mut output);
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("profile-{}-{port}", std::process::id()));
        Self { child, port, profile, _output: output }
    }

    async fn browser(&self) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,1000",
            &format!("--user-data-dir={}", self.profile.display()),
        ];
        let options = json!({ "binary": program("chromium"), "args": arguments });
        let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let address = format!("http://127.0.0.1:{}", self.port);
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address).await;
        client.expect("Chromium starts")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The browser has been closed by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// The port that the driver says it has taken.
fn port(output: &mut impl BufRead) -> u16 {
    for line in output.lines().map_while(Result::ok) {
        // Before it, there is the line of what it was asked for, which is any port.
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().expect("a port");
        }
    }
    panic!("chromedriver did not say which port it took");
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is missing: `apt-get install chromium chromium-driver`, or `cargo xtask test setup` as root on Debian")
    })
}
