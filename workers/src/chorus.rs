//! Chorus Pro, where public bodies receive invoices: hand one in as a flow, and ask what became of it.
//!
//! Two proofs go with every call: an OAuth2 token of PISTE, the state's gateway (client credentials), and the technical account
//! of Chorus Pro (`cpro-account`). Chorus knows no idempotency key: of an invoice it takes one number per supplier, and says so.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::{StatusCode, Url, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::ChorusConfig;

/// A flow is a PDF in base64, and Chorus looks at it before it answers.
const TIMEOUT: Duration = Duration::from_secs(30);
const LARGEST_ANSWER: usize = 1024 * 1024;
/// A token is not used in its last minute.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token is good that does not say so.
const USUAL: Duration = Duration::from_secs(600);
/// A Factur-X: PDF/A-3 with the invoice as UN/CEFACT CII in it.
const SYNTAX: &str = "IN_DP_E2_CII_FACTURX";

pub type Answer<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// Who takes invoices to public bodies. No transaction may be open during a call.
pub trait Chorus: fmt::Debug + Send + Sync {
    /// Hands an invoice in; the number of its flow. Once only: see [`Chorus::find`].
    fn submit<'a>(&'a self, invoice: &'a Deposit) -> Answer<'a, String>;
    /// What became of a flow.
    fn follow<'a>(&'a self, flow: &'a str) -> Answer<'a, Progress>;
    /// The flow of an invoice that was handed in although nobody heard the answer.
    fn find<'a>(&'a self, reference: &'a str, supplier: Option<&'a str>) -> Answer<'a, Option<String>>;
}

/// An invoice as a file.
#[derive(Clone, Debug)]
pub struct Deposit {
    /// `FAC-2026-00001`
    pub reference: String,
    pub pdf: Vec<u8>,
}

/// How far an invoice has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// In Chorus's words (`MISE_A_DISPOSITION`).
    pub state: String,
    /// Why it is refused, or waits for somebody.
    pub reason: Option<String>,
}

impl Progress {
    /// The flow was read, and what was in it has a state of its own.
    pub fn is_delivered(&self) -> bool {
        !self.state.is_empty() && !self.state.starts_with("IN_") && !self.state.starts_with("QP_")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    UnderWay,
    /// Somebody has to do something on the portal.
    Stuck,
    /// The public accountant has paid.
    Paid,
    Rejected,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Decided: nothing happened.
    Refused(String),
    /// It may have happened.
    Unknown(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "Chorus Pro refuses: {why}"),
            Self::Unknown(why) => write!(f, "the outcome at Chorus Pro is unknown: {why}"),
        }
    }
}

/// Chorus Pro over HTTP.
pub struct Piste {
    http: reqwest::Client,
    token_url: Url,
    api: String,
    client_id: String,
    client_secret: String,
    account: String,
    token: Mutex<Option<Token>>,
}

struct Token {
    value: String,
    good_until: Instant,
}

/// Without its secrets.
impl fmt::Debug for Piste {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piste")
            .field("api", &self.api)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Piste {
    pub fn new(config: &ChorusConfig) -> Result<Self, String> {
        let url = |name, text: &str| Url::parse(text).map_err(|error| format!("{name}: {error}"));
        url("CHORUS_API_BASE", &config.chorus_api_base)?;
        if !config.chorus_account.contains(':') {
            return Err("CHORUS_ACCOUNT: the technical account is login:password".to_owned());
        }
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("sociopulse/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            token_url: url("CHORUS_TOKEN_URL", &config.chorus_token_url)?,
            api: config.chorus_api_base.trim_end_matches('/').to_owned(),
            client_id: config.chorus_client_id.clone(),
            client_secret: config.chorus_client_secret.clone(),
            account: BASE64.encode(&config.chorus_account),
            token: Mutex::default(),
        })
    }

    /// A token that is good for the next call. Who waits here waits for the same one.
    async fn token(&self) -> Result<String, Fault> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.good_until) {
            return Ok(token.value.clone());
        }
        let asked = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
            ("scope", "openid"),
        ];
        let mut form = self.token_url.clone();
        form.query_pairs_mut().clear().extend_pairs(asked);
        let request =
            self.http.post(self.token_url.clone()).body(form.query().unwrap_or_default().to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let (status, body) = send(request.header("accept", "application/json")).await?;
        if !status.is_success() {
            return Err(Fault::Unknown(format!("PISTE gives no token: {status}")));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|error| Fault::Unknown(format!("PISTE's answer is malformed: {error}")))?;
        let good_for = granted.expires_in.map_or(USUAL, Duration::from_secs).saturating_sub(MARGIN);
        *kept = Some(Token { value: granted.access_token.clone(), good_until: Instant::now() + good_for });
        Ok(granted.access_token)
    }

    /// A gateway that does not know the token any more is asked once more with a fresh one: it did nothing the first time.
    async fn call(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        for fresh in [false, true] {
            let token = self.token().await?;
            let request = self.http.post(format!("{}/cpro/{path}", self.api)).bearer_auth(&token);
            let request = request.header("cpro-account", &self.account).header("accept", "application/json");
            let (status, said) = send(request.json(body)).await?;
            if status != StatusCode::UNAUTHORIZED {
                return read(status, &said);
            }
            self.forget(&token).await;
            if fresh {
                break;
            }
        }
        Err(Fault::Unknown("PISTE does not know the token".to_owned()))
    }

    async fn forget(&self, token: &str) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.value == token) {
            *kept = None;
        }
    }

    async fn hand_in(&self, invoice: &Deposit) -> Result<String, Fault> {
        let body = json!({
            "fichierFlux": BASE64.encode(&invoice.pdf), "nomFichier": format!("{}.pdf", invoice.reference),
            "syntaxeFlux": SYNTAX, "avecSignature": false,
        });
        let said = self.call("factures/v1/deposer/flux", &body).await?;
        let flow = text(&said, "numeroFluxDepot");
        flow.ok_or_else(|| Fault::Unknown("the flow has no number".to_owned()))
    }

    async fn look(&self, flow: &str) -> Result<Progress, Fault> {
        let asked = json!({ "numeroFluxDepot": flow });
        // A flow that was just handed in is not known everywhere at once.
        let report = self.call("transverses/v1/consulterCRDetaille", &asked).await.map_err(undecided)?;
        let state = text(&report, "etatCourantDepotFlux").unwrap_or_default();
        let progress = |stage, state, reason| Progress { stage, state, reason };
        match state.as_str() {
            "IN_REJETE" | "QP_IRRECEVABLE" => {
                Ok(progress(Stage::Rejected, state, faults(&report).or_else(|| text(&report, "libelle"))))
            }
            // It has to be handed in again, once somebody knows why.
            "IN_INCIDENTE" => Ok(progress(Stage::Stuck, state, faults(&report))),
            "IN_INTEGRE" | "IN_INTEGRE_PARTIEL" => {
                let invoices = self.search(&asked).await?;
                let Some(invoice) = invoices.first() else {
                    return Ok(progress(Stage::UnderWay, state, None));
                };
                let state = ["statut", "statutFacture", "statutCourantCode"]
                    .iter()
                    .find_map(|name| text(invoice, name));
                let state = state.unwrap_or_default();
                Ok(progress(
                    stage(&state),
                    state,
                    text(invoice, "motifRefus").or_else(|| text(invoice, "commentaire")),
                ))
            }
            _ => Ok(progress(Stage::UnderWay, state, None)),
        }
    }

    /// Invoices that this account handed in.
    async fn search(&self, filter: &Value) -> Result<Vec<Value>, Fault> {
        let mut asked = filter.clone();
        asked["rechercheFactureParFournisseur"] =
            json!({ "pageResultatDemandee": 1, "nbResultatsParPage": 50 });
        let mut found = self.call("factures/v1/rechercher/fournisseur", &asked).await.map_err(undecided)?;
        Ok(match found["listeFactures"].take() {
            Value::Array(invoices) => invoices,
            _ => Vec::new(),
        })
    }

    async fn look_for(&self, reference: &str, supplier: Option<&str>) -> Result<Option<String>, Fault> {
        let found = self.search(&json!({ "numeroFacture": reference })).await?;
        let ours = |invoice: &&Value| {
            let whose = text(invoice, "codeFournisseur");
            text(invoice, "numeroFacture").as_deref() == Some(reference)
                && (whose.is_none() || supplier.is_none() || whose.as_deref() == supplier)
        };
        Ok(found.iter().find(ours).and_then(|invoice| text(invoice, "numeroFluxDepot")))
    }
}

impl Chorus for Piste {
    fn submit<'a>(&'a self, invoice: &'a Deposit) -> Answer<'a, String> {
        self.hand_in(invoice).boxed()
    }

    fn follow<'a>(&'a self, flow: &'a str) -> Answer<'a, Progress> {
        self.look(flow).boxed()
    }

    fn find<'a>(&'a self, reference: &'a str, supplier: Option<&'a str>) -> Answer<'a, Option<String>> {
        self.look_for(reference, supplier).boxed()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: Option<u64>,
}

/// Where an invoice stands, by the code of its status.
fn stage(state: &str) -> Stage {
    match state {
        "MISE_EN_PAIEMENT" => Stage::Paid,
        "REJETEE" | "REFUSEE" | "ABANDONNEE" | "SUPPRIMEE" => Stage::Rejected,
        // To be sent to another service, or documents are missing.
        "A_RECYCLER" | "SUSPENDUE" => Stage::Stuck,
        _ => Stage::UnderWay,
    }
}

/// What a question that changes nothing says, decides nothing.
fn undecided(fault: Fault) -> Fault {
    match fault {
        Fault::Refused(why) | Fault::Unknown(why) => Fault::Unknown(why),
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), Fault> {
    let failed = |error: reqwest::Error| Fault::Unknown(error.without_url().to_string());
    let mut answer = request.send().await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return Err(Fault::Unknown("the answer is too long".to_owned()));
        }
    }
    Ok((answer.status(), body))
}

/// Chorus refuses with a 4xx, or with a 200 whose `codeRetour` is not zero. 403 is about who asks, 408 and 429 about when.
fn read(status: StatusCode, body: &[u8]) -> Result<Value, Fault> {
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let why = || said.as_ref().and_then(|said| text(said, "libelle")).unwrap_or_default();
    match status.as_u16() {
        200..=299 => {}
        400 | 404 | 413 | 422 => return Err(Fault::Refused(format!("{status} {}", why()).trim().to_owned())),
        _ => return Err(Fault::Unknown(format!("{status} {}", why()).trim().to_owned())),
    }
    let Some(said) = said.filter(Value::is_object) else {
        return Err(Fault::Unknown("the answer is unreadable".to_owned()));
    };
    match text(&said, "codeRetour").as_deref() {
        None | Some("0") => Ok(said),
        Some(code) => Err(Fault::Refused(format!("{code} {}", text(&said, "libelle").unwrap_or_default()))),
    }
}

/// A field as text; numbers come as either.
fn text(object: &Value, name: &str) -> Option<String> {
    match &object[name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Why a flow was refused, each reason once.
fn faults(report: &Value) -> Option<String> {
    let mut reasons: Vec<String> = Vec::new();
    for (list, name) in [("listeErreurDP", "libelleErreurDP"), ("listeErreurTechnique", "libelleErreur")] {
        for fault in report[list].as_array().into_iter().flatten() {
            reasons.extend(text(fault, name).filter(|reason| !reasons.contains(reason)));
        }
    }
    (!reasons.is_empty()).then(|| reasons.join(" ; "))
}
