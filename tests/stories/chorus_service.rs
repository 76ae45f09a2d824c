//! A Chorus Pro of one's own behind a PISTE of one's own: it wants both proofs, takes each invoice number once, and says of each
//! what the story lets it say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Json, Path};
use poem::{EndpointExt, IntoEndpoint, Request, Response, Server, handler};
use reqwest::Url;
use serde_json::{Value, json};

const CLIENT: &str = "piste-app";
const SECRET: &str = "piste-secret";
const ACCOUNT: &str = "TECH_1_sociopulse@cpro.example:pass:word";

#[derive(Default)]
pub struct Inner {
    tokens: Vec<String>,
    /// How long tokens say that they are good.
    pub expires_in: u64,
    /// Tokens that are not known any more although they should be.
    pub forgotten: bool,
    /// Each flow, in the order of arrival: its invoice's number and file.
    pub flows: Vec<(String, Vec<u8>)>,
    /// The next answer to a deposit is lost, after it was done.
    pub lose: bool,
    /// The next deposit is refused.
    pub refuse: bool,
    /// State of the flows.
    pub state: String,
    /// Status and reason of the invoices in them.
    pub invoice: (String, Option<String>),
    pub searches: usize,
}

#[derive(Clone)]
pub struct ChorusService {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

#[handler]
fn grant(body: String, service: Data<&ChorusService>) -> Response {
    let url = Url::parse(&format!("http://form/?{body}")).unwrap();
    let form: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let wanted = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("scope", "openid"),
    ];
    if wanted.iter().any(|(name, value)| form.get(*name).map(String::as_str) != Some(*value)) {
        return answer(400, json!({ "error": "invalid_client" }));
    }
    let mut inner = service.inner();
    let token = format!("token-{}", inner.tokens.len());
    inner.tokens.push(token.clone());
    answer(
        200,
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": inner.expires_in, "scope": "openid" }),
    )
}

#[handler]
fn call(
    request: &Request,
    Path(path): Path<String>,
    Json(asked): Json<Value>,
    service: Data<&ChorusService>,
) -> Response {
    let mut inner = service.inner();
    let bearer = request.header("authorization").unwrap_or_default().trim_start_matches("Bearer ");
    if inner.tokens.last().is_none_or(|token| token != bearer) || std::mem::take(&mut inner.forgotten) {
        return answer(401, json!({ "error": "invalid_token" }));
    }
    if request.header("cpro-account") != Some(BASE64.encode(ACCOUNT).as_str()) {
        return answer(403, json!({ "codeRetour": 20000, "libelle": "Accès refusé" }));
    }
    match path.as_str() {
        "factures/v1/deposer/flux" => deposit(&mut inner, &asked),
        "transverses/v1/consulterCRDetaille" => report(&inner, &asked),
        "factures/v1/rechercher/fournisseur" => search(&mut inner, &asked),
        _ => answer(404, json!({ "libelle": "Ressource inconnue" })),
    }
}

fn deposit(inner: &mut Inner, asked: &Value) -> Response {
    if std::mem::take(&mut inner.refuse) {
        return answer(200, json!({ "codeRetour": 20001, "libelle": "Le fichier est illisible" }));
    }
    assert_eq!(
        (&asked["syntaxeFlux"], &asked["avecSignature"]),
        (&json!("IN_DP_E2_CII_FACTURX"), &json!(false))
    );
    let name = asked["nomFichier"].as_str().unwrap();
    let file = BASE64.decode(asked["fichierFlux"].as_str().unwrap()).unwrap();
    inner.flows.push((name.trim_end_matches(".pdf").to_owned(), file));
    if std::mem::take(&mut inner.lose) {
        return answer(504, json!({}));
    }
    let flow = format!("CPP{:022}", inner.flows.len());
    let said = json!({ "codeRetour": 0, "libelle": "GCU_MSG_01_000", "numeroFluxDepot": flow, "dateDepot": "2026-11-28" });
    answer(200, said)
}

/// The flow that is asked for; the newest when another number is not named.
fn flow_of(asked: &Value) -> Option<usize> {
    asked["numeroFluxDepot"].as_str()?.trim_start_matches("CPP").parse().ok()
}

fn report(inner: &Inner, asked: &Value) -> Response {
    let Some(_) = flow_of(asked).filter(|flow| (1..=inner.flows.len()).contains(flow)) else {
        return answer(200, json!({ "codeRetour": 20006, "libelle": "Flux inconnu" }));
    };
    let errors = match inner.state.as_str() {
        "IN_REJETE" => json!([{ "numeroDP": "FAC", "libelleErreurDP": "Le code service est absent." }]),
        _ => json!([]),
    };
    answer(
        200,
        json!({ "codeRetour": "0", "libelle": "ok", "etatCourantDepotFlux": inner.state, "listeErreurDP": errors, "listeErreurTechnique": [] }),
    )
}

fn search(inner: &mut Inner, asked: &Value) -> Response {
    inner.searches += 1;
    assert!(asked["rechercheFactureParFournisseur"]["nbResultatsParPage"].is_number());
    let by_flow = flow_of(asked);
    let found = inner.flows.iter().enumerate().filter(|(at, (number, _))| match by_flow {
        Some(flow) => flow == at + 1,
        None => asked["numeroFacture"] == *number,
    });
    let invoices: Vec<Value> = found
        .map(|(at, (number, _))| {
            json!({
                "numeroFacture": number, "identifiantFactureCPP": 9_000 + at, "statut": inner.invoice.0,
                "motifRefus": inner.invoice.1, "numeroFluxDepot": format!("CPP{:022}", at + 1),
            })
        })
        .collect();
    answer(200, json!({ "codeRetour": 0, "libelle": "ok", "listeFactures": invoices }))
}

fn answer(status: u16, body: Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

impl ChorusService {
    pub async fn start() -> Self {
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
        let port = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
        let inner = Inner {
            expires_in: 3_600,
            state: "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP".into(),
            ..Inner::default()
        };
        let service = Self { url: format!("http://127.0.0.1:{port}"), inner: Arc::new(Mutex::new(inner)) };
        let routes = poem::Route::new()
            .at("/api/oauth/token", poem::post(grant))
            .at("/cpro/*path", poem::post(call))
            .data(service.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run(routes.into_endpoint()));
        service
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// What the invoices have come to.
    pub fn say(&self, status: &str, reason: Option<&str>) {
        let mut inner = self.inner();
        inner.state = "IN_INTEGRE".into();
        inner.invoice = (status.to_owned(), reason.map(str::to_owned));
    }

    pub fn tokens(&self) -> usize {
        self.inner().tokens.len()
    }

    /// A worker that asks it.
    pub fn settings(&self) -> Vec<String> {
        let token = format!("{}/api/oauth/token", self.url);
        [
            ("--chorus-client-id", CLIENT),
            ("--chorus-client-secret", SECRET),
            ("--chorus-account", ACCOUNT),
            ("--chorus-token-url", &token),
            ("--chorus-api-base", &self.url),
        ]
        .iter()
        .flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()])
        .collect()
    }
}
