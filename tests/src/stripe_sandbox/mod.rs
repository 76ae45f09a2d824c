//! A stand-in for Stripe, for laptops and stories. It speaks Stripe's HTTP for the calls that the platform makes, honours
//! idempotency keys, sends signed webhooks, and under `/sandbox` it does what people, banks and bad networks do. No money moves.

mod books;
mod connect;
mod controls;
mod faults;
mod form;
mod idempotency;
mod intents;
mod lines;
mod pages;
mod params;
mod refunds;
mod state;
mod store;
mod v1;
mod webhooks;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Clock;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, IntoResponse, Request, Response, Server};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::PATIENCE;
pub use faults::{Armed, Fault};
pub use refunds::Verdict;
use state::State;

/// What every answer and page says of itself.
pub const NOTICE: &str = "Sandbox, not Stripe: no money moves here.";
/// Keys that open it begin like this.
pub const KEY: &str = "sk_test_sandbox";

#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where events are sent; nowhere when absent.
    pub webhook_url: Option<String>,
    /// Each signs every webhook, as while an endpoint's secret is rolled.
    pub webhook_secrets: Vec<String>,
    /// Keeps what happened over a restart.
    pub state: Option<PathBuf>,
    pub clock: Clock,
}

/// A running sandbox; it ends when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// `http://127.0.0.1:12111`
    pub url: String,
    core: Arc<Core>,
    tasks: Vec<JoinHandle<()>>,
}

/// What a request needs.
#[derive(Debug)]
pub(crate) struct Core {
    url: String,
    state: Mutex<State>,
    faults: Mutex<Vec<Armed>>,
    webhooks: webhooks::Queue,
    lines: lines::Lines,
}

impl Core {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One change: what it says is kept before anybody hears of it, and its events go out after.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let events = state.keep();
        drop(state);
        self.webhooks.push(events);
        result
    }
}

impl Sandbox {
    /// On a free port.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        Self::start_on(0, settings).await
    }

    pub async fn start_on(port: u16, settings: Settings) -> io::Result<Self> {
        let acceptor = TcpListener::bind(("127.0.0.1", port)).into_acceptor().await?;
        let address = acceptor.local_addr()[0].as_socket_addr().copied();
        let url = format!("http://{}", address.ok_or_else(|| io::Error::other("no address"))?);
        let state = State::load(settings.state.as_deref(), settings.clock)?;
        let webhooks = webhooks::Queue::new(settings.webhook_url, settings.webhook_secrets);
        webhooks.push(state.undelivered());
        let lines = lines::Lines::default();
        let server = Server::new_with_acceptor(lines::Breakable { inner: acceptor, lines: lines.clone() });
        let state = Mutex::new(state);
        let core = Arc::new(Core { url: url.clone(), state, faults: Mutex::default(), webhooks, lines });
        let endpoint = Edge(core.clone());
        let serving = tokio::spawn(async move {
            let _ = server.run(endpoint).await;
        });
        let sending = tokio::spawn(webhooks::send(core.clone()));
        Ok(Self { url, core, tasks: vec![serving, sending] })
    }

    /// Sends events to this address from now on.
    pub fn send_to(&self, webhook_url: &str) {
        self.core.webhooks.set_url(Some(webhook_url.to_owned()));
    }

    /// Holds webhooks back, or lets them go.
    pub fn hold(&self, held: bool) {
        self.core.webhooks.hold(held);
    }

    /// Waits until every webhook was answered, or given up.
    pub async fn settled(&self) {
        let settled = async {
            while !self.core.webhooks.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("the webhooks are delivered in time");
    }

    /// What the next calls meet.
    pub fn arm(&self, fault: Armed) {
        faults::arm(&self.core, fault);
    }

    /// The next calls meet nothing.
    pub fn disarm(&self) {
        faults::disarm(&self.core);
    }

    /// The payer's card works.
    pub fn pay(&self, intent: &str) -> Value {
        self.confirm(intent, "pm_card_visa").expect("an intent that can be paid")
    }

    /// The payer's card is declined.
    pub fn decline(&self, intent: &str) {
        assert!(self.confirm(intent, "pm_card_visa_chargeDeclined").is_err(), "the card is declined");
    }

    /// The payer's bank takes its time, until [`Sandbox::arrive`].
    pub fn pay_later(&self, intent: &str) -> Value {
        self.confirm(intent, "pm_sepa_debit").expect("an intent that can be paid")
    }

    /// The bank has said yes or no.
    pub fn arrive(&self, intent: &str, paid: bool) -> Value {
        self.core.change(|state| intents::arrive(state, intent, paid)).expect("an intent that is processing")
    }

    fn confirm(&self, intent: &str, method: &str) -> Result<Value, params::Refusal> {
        let url = self.core.url.clone();
        self.core.change(|state| intents::confirm(state, intent, method, &url))
    }

    /// The payer's bank takes the money back for now; the dispute's id.
    pub fn dispute(&self, charge: &str) -> String {
        let dispute = self.core.change(|state| refunds::dispute(state, charge, None));
        id_of(&dispute.expect("a charge that can be disputed"))
    }

    pub fn close_dispute(&self, dispute: &str, verdict: Verdict) -> Value {
        self.core.change(|state| refunds::close(state, dispute, verdict)).expect("an open dispute")
    }

    /// The payer's bank sends a refund back, days later.
    pub fn fail_refund(&self, refund: &str) -> Value {
        self.core.change(|state| refunds::fail(state, refund)).expect("a refund that went through")
    }

    /// The account's owner has said all that Stripe wants to know.
    pub fn onboard(&self, account: &str) -> Value {
        self.core.change(|state| connect::onboard(state, account)).expect("an account")
    }

    /// Stripe wants to know more, and stops charges and payouts until then.
    pub fn restrict(&self, account: &str) -> Value {
        self.core.change(|state| connect::restrict(state, account)).expect("an account")
    }

    /// From an account to its owner's bank.
    pub fn pay_out(&self, account: &str, arrives: bool) -> Value {
        self.core
            .change(|state| connect::pay_out(state, account, arrives))
            .expect("an account with a balance")
    }

    /// All of a kind (`payment_intent`, `transfer`, `event` …), oldest first.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        self.core.state().all(kind).to_vec()
    }

    pub fn object(&self, id: &str) -> Option<Value> {
        self.core.state().find(id).cloned()
    }

    /// The events of a type, oldest first.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.objects("event").into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// Everything that was told (POST), with its key and how often it came.
    pub fn told(&self) -> Vec<Value> {
        self.objects(idempotency::KIND)
    }

    /// What the platform's balance says, in cents.
    pub fn balance(&self) -> i64 {
        self.core.state().balance(None)
    }

    pub fn balance_of(&self, account: &str) -> i64 {
        self.core.state().balance(Some(account))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap_or_default().to_owned()
}

/// Three doors: Stripe's API, the controls, and the pages.
struct Edge(Arc<Core>);

impl Endpoint for Edge {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path().trim_matches('/').to_owned();
        let answer = match path.split('/').next() {
            Some("v1") => v1::answer(&self.0, request).await?,
            Some("sandbox") if pages::is_page(&path) => pages::answer(&self.0, request).await?,
            Some("sandbox") => controls::answer(&self.0, request).await?,
            Some("") | None => pages::index(&self.0).into_response(),
            Some(_) => pages::not_found(),
        };
        Ok(answer.with_header("X-Sandbox", NOTICE).into_response())
    }
}
