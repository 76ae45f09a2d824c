//! Public bodies pay later: a credit line, an invoice over Chorus Pro, and what becomes of it.

use clap::Parser;
use domain::money;
use futures_util::future::join_all;
use jobs::PollChorus;
use jobs::ledger::NewJob;
use serde_json::{Value, json};
use tests::Client;
use time::Duration;
use workers::chorus::{Chorus, Deposit, Fault, Piste, Stage};

use crate::chorus_service::ChorusService;
use crate::contracts::{again, assigned, newest, told};
use crate::money::Money;
use crate::signatures::sign;
use crate::world::{mission, rfc3339};

/// A platform that speaks with Chorus Pro, and a public establishment with a credit line.
pub struct Public {
    pub money: Money,
    pub chorus: ChorusService,
}

impl Public {
    pub async fn new(limit_cents: i64) -> Self {
        let chorus = ChorusService::start().await;
        let settings = chorus.settings();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let money = Money::with(&["--chorus-client-id", "piste-app"], &settings, |handlers| handlers).await;
        let site = json!({ "organizationType": "PUBLIC", "siret": "26750045200011" });
        money.client.patch("/api/v1/me/establishment", site).await.expect(200);
        let public = Self { money, chorus };
        public.allow(limit_cents).await.expect(200);
        public
    }

    pub async fn allow(&self, limit_cents: i64) -> tests::Answer {
        let site = self.money.client.get("/api/v1/me/establishment").await.expect(200);
        let path = format!("/api/v1/admin/establishments/{}/credit-limit", site["id"].as_str().unwrap());
        self.money.admin.put(&path, json!({ "creditLimitCents": limit_cents })).await
    }

    /// A mission of tomorrow that both have signed; its id.
    pub async fn signed(&self, nurse: &Client) -> String {
        self.signed_ahead(nurse, Duration::DAY).await
    }

    pub async fn signed_ahead(&self, nurse: &Client, ahead: Duration) -> String {
        let mut body = mission();
        body["startDate"] = json!(rfc3339(self.money.world.clock.now() + ahead));
        let mission = assigned(&self.money.world, &self.money.client, nurse, body).await;
        let contract = newest(nurse).await;
        sign(&self.money.world, &self.money.client, &contract).await;
        sign(&self.money.world, nurse, &contract).await;
        self.money.drain().await;
        mission
    }

    pub async fn defer(&self, mission: &str) -> tests::Answer {
        self.money.client.post(&format!("/api/v1/payments/missions/{mission}/chorus"), json!({})).await
    }

    /// A deferred payment; its id.
    pub async fn deferred(&self) -> (String, String) {
        let mission = self.signed(&self.money.nurse).await;
        let payment = self.defer(&mission).await.expect(201);
        assert_eq!((&payment["method"], &payment["status"]), (&json!("CHORUS"), &json!("REQUIRES_PAYMENT")));
        self.money.drain().await;
        (mission, payment["id"].as_str().unwrap().to_owned())
    }

    /// The work was done, and the invoice handed in.
    pub async fn handed_in(&mut self) -> String {
        let (mission, payment) = self.deferred().await;
        self.done(&mission, 480).await;
        payment
    }

    /// The work of a mission was accepted, and its invoice handed in.
    pub async fn done(&mut self, mission: &str, minutes: i64) {
        self.money.accepted(mission, minutes).await;
        self.wait(Duration::hours(34)).await;
    }

    pub async fn wait(&mut self, by: Duration) {
        self.money.advance(by);
        self.money.return_all().await;
        self.money.drain().await;
        // The invoice's file is made by another job.
        self.money.advance(Duration::seconds(10));
        self.money.drain().await;
    }

    pub async fn look(&self) {
        self.money.world.enqueue(NewJob::of(&PollChorus { payment_id: None, credit_note_id: None })).await;
        self.money.drain().await;
    }

    pub async fn submission(&self, payment: &str) -> Value {
        self.money.client.get(&format!("/api/v1/payments/{payment}/chorus")).await.expect(200)
    }

    pub async fn used(&self) -> i64 {
        self.money.cents("select sum(credit_used_cents)::bigint from establishments").await
    }
}

#[tokio::test]
async fn a_public_body_pays_when_its_accountant_does() {
    let mut public = Public::new(100_000).await;
    let (mission, payment) = public.deferred().await;
    let cents = public.money.payment(&payment).await["amountCents"].as_i64().unwrap();
    assert_eq!(public.used().await, cents);
    assert_eq!(
        told(&public.money.world, &public.money.nurse, "PAYMENT_DEFERRED", "Règlement différé").await,
        (1, 1)
    );
    assert_eq!(public.defer(&mission).await.expect(201)["id"], payment, "asked again, it is the same");
    assert_eq!(public.used().await, cents);
    assert_eq!(public.submission(&payment).await["status"], "PENDING");
    public.wait(Duration::hours(34)).await;
    public.look().await;
    assert!(public.chorus.inner().flows.is_empty(), "the work is not accepted");

    public.done(&mission, 480).await;
    let sent = public.submission(&payment).await;
    assert_eq!((&sent["status"], &sent["flow"]), (&json!("SENT"), &json!(format!("CPP{:022}", 1))));
    {
        let inner = public.chorus.inner();
        let (number, file) = &inner.flows[0];
        assert!(number.starts_with("FAC-") && file.starts_with(b"%PDF"), "{number}");
    }
    // To the cent, whatever hour it is: the price of tomorrow's work has surcharges.
    let (fee, talent) = money::split(cents, 1_500);
    let (commission, vat) = money::included_vat(fee, 2_000);
    assert_eq!(
        public.money.ledger().await,
        json!({ "CHORUS": cents, "TALENT": -talent, "COMMISSION": -commission, "VAT": -vat })
    );

    for (status, seen) in
        [("MISE_A_DISPOSITION", "SENT"), ("SERVICE_FAIT", "SENT"), ("MISE_EN_PAIEMENT", "PAID")]
    {
        public.chorus.say(status, None);
        public.look().await;
        let now = public.submission(&payment).await;
        assert_eq!((&now["status"], &now["state"]), (&json!(seen), &json!(status)));
    }
    let paid = public.money.payment(&payment).await;
    assert_eq!(paid["status"], "SUCCEEDED");
    assert!(paid["settledAt"].is_string());
    assert_eq!(public.money.ledger().await["BANK"], cents);
    assert_eq!(public.used().await, 0);
    assert_eq!(
        told(&public.money.world, &public.money.nurse, "PAYMENT_RECEIVED", "Le client a payé").await,
        (1, 1)
    );
    let unpaid = "select count(*) from invoices where paid_at is null";
    assert_eq!(public.money.world.count(unpaid).await, 0);
    assert_eq!(public.chorus.tokens(), 1, "a token is kept");

    again(&public.money.world, "submit-chorus").await;
    public.look().await;
    assert_eq!(public.chorus.inner().flows.len(), 1);
    public.wait(Duration::days(46)).await;
    assert_eq!(
        told(&public.money.world, &public.money.client, "INVOICE_DUE", "Facture à échéance").await,
        (0, 0)
    );
    public.money.check().await;
    public.money.world.end().await;
}

#[tokio::test]
async fn a_refused_invoice_is_taken_back_and_paid_otherwise() {
    let mut public = Public::new(100_000).await;
    let payment = public.handed_in().await;
    public.chorus.inner().state = "IN_REJETE".into();
    public.look().await;
    public.look().await;
    let refused = public.submission(&payment).await;
    assert_eq!(
        (&refused["status"], &refused["state"], &refused["chorusReason"]),
        (&json!("REJECTED"), &json!("IN_REJETE"), &json!("Le code service est absent."))
    );
    assert_eq!(public.money.payment(&payment).await["status"], "CANCELLED");
    assert_eq!(public.money.ledger().await, json!({}));
    assert_eq!(public.used().await, 0);
    let notes = "select count(*) from invoices where kind = 'CREDIT_NOTE'";
    assert_eq!(public.money.world.count(notes).await, 2);
    let (client, world) = (&public.money.client, &public.money.world);
    assert_eq!(told(world, client, "CHORUS_REJECTED", "Facture refusée par Chorus Pro").await, (1, 1));

    let mission = public.money.payment(&payment).await["missionId"].as_str().unwrap().to_owned();
    let by_card = public.money.intent(&mission).await;
    assert_ne!(by_card["paymentId"], payment);
    public.money.stripe.pay(&public.money.intent_of(&by_card).await);
    public.money.drain().await;
    assert_eq!(public.money.payment(by_card["paymentId"].as_str().unwrap()).await["status"], "SUCCEEDED");
    public.money.check().await;
    public.money.world.end().await;
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_a_refusal_decides() {
    let mut public = Public::new(100_000).await;
    public.chorus.inner().lose = true;
    let payment = public.handed_in().await;
    public.wait(Duration::minutes(10)).await;
    assert_eq!(public.submission(&payment).await["status"], "SENT");
    let handed_in = {
        let inner = public.chorus.inner();
        (inner.flows.len(), inner.searches)
    };
    assert_eq!(handed_in, (1, 1), "found, and not handed in again");

    let nurse = public.money.world.nurse("rose", 1.5).await;
    let mission = public.signed(&nurse).await;
    let payment = public.defer(&mission).await.expect(201)["id"].as_str().unwrap().to_owned();
    public.chorus.inner().refuse = true;
    public.done(&mission, 480).await;
    let refused = public.submission(&payment).await;
    assert_eq!(
        (&refused["status"], &refused["chorusReason"]),
        (&json!("REJECTED"), &json!("20001 Le fichier est illisible"))
    );
    public.money.check().await;
    public.money.world.end().await;
}

#[tokio::test]
async fn a_credit_line_is_never_exceeded_however_many_ask() {
    let public = Public::new(25_000).await;
    let nurse = public.money.world.nurse("rose", 1.5).await;
    let missions = [public.signed(&public.money.nurse).await, public.signed(&nurse).await];
    public.allow(40_000).await.expect(200);
    let cents = public.money.cents("select max(amount_cents) from contracts").await;
    public.allow(cents).await.expect(200);
    let asked = join_all(missions.iter().cycle().take(10).map(|mission| public.defer(mission))).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|answer| answer.status.as_u16() == 201);
    assert_eq!((taken.len(), refused.len()), (5, 5));
    assert!(refused.iter().all(|answer| answer.body["code"] == "CREDIT_EXCEEDED"));
    assert_eq!(public.money.world.count("select count(*) from chorus_submissions").await, 1);
    assert_eq!(public.used().await, cents);

    let private = json!({ "organizationType": "PRIVATE" });
    public.money.client.patch("/api/v1/me/establishment", private).await.expect(200);
    let codes = join_all(missions.iter().map(|mission| public.defer(mission))).await;
    let codes: Vec<_> = codes.iter().filter(|answer| answer.status.as_u16() == 409).collect();
    assert_eq!(codes.len(), 1);
    assert_eq!(codes[0].body["code"], "CHORUS_NOT_AVAILABLE");
    public.money.world.end().await;
}

#[tokio::test]
async fn who_does_not_pay_is_reminded_and_what_is_called_off_in_time_is_never_handed_in() {
    let mut public = Public::new(100_000).await;
    let mission = public.signed_ahead(&public.money.nurse, Duration::days(3)).await;
    let payment = public.defer(&mission).await.expect(201)["id"].as_str().unwrap().to_owned();
    let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
    public.money.client.post(&cancel, json!({ "reason": "Erreur" })).await.expect(200);
    public.money.drain().await;
    assert_eq!(public.submission(&payment).await["status"], "WITHDRAWN");
    assert_eq!((public.used().await, public.money.ledger().await), (0, json!({})));

    let nurse = public.money.world.nurse("rose", 1.5).await;
    let mission = public.signed(&nurse).await;
    let payment = public.defer(&mission).await.expect(201)["id"].as_str().unwrap().to_owned();
    public.done(&mission, 480).await;
    assert_eq!(public.chorus.inner().flows.len(), 1);
    public.chorus.say("SUSPENDUE", Some("Pièce manquante"));
    public.look().await;
    public.look().await;
    assert_eq!(public.submission(&payment).await["chorusReason"], "Pièce manquante");
    public.wait(Duration::days(30)).await;
    public.wait(Duration::days(15)).await;
    let (client, world) = (&public.money.client, &public.money.world);
    assert_eq!(told(world, client, "INVOICE_DUE", "Facture à échéance").await, (1, 1));
    assert_eq!(told(world, client, "INVOICE_OVERDUE", "Facture en retard").await, (1, 1));
    let alerts =
        crate::letters::letters(world).into_iter().filter(|letter| letter.to == "ops@example.org").count();
    assert_eq!(alerts, 2, "one for what waits, one for what is late");
    public.money.world.end().await;
}

/// The client alone, as a worker configures it.
fn piste(service: &ChorusService) -> Piste {
    let settings = ["worker", "--database-url", "", "--redis-url", ""].map(str::to_owned).into_iter();
    let config = workers::Config::parse_from(settings.chain(service.settings()));
    Piste::new(&config.chorus).unwrap()
}

#[tokio::test]
async fn both_proofs_go_with_every_call_and_tokens_are_renewed() {
    let service = ChorusService::start().await;
    let chorus = piste(&service);
    let invoice = Deposit { reference: "FAC-2026-00001".into(), pdf: b"%PDF-1.7".to_vec() };
    assert_eq!(chorus.find("FAC-2026-00001", None).await.unwrap(), None);
    let flow = chorus.submit(&invoice).await.unwrap();
    assert_eq!(chorus.find("FAC-2026-00001", Some("1")).await.unwrap(), Some(flow.clone()));
    service.inner().forgotten = true;
    assert_eq!(chorus.follow(&flow).await.unwrap().stage, Stage::UnderWay);
    assert_eq!(service.tokens(), 2, "the gateway had forgotten the first");
    service.inner().expires_in = 30;
    service.inner().forgotten = true;
    chorus.follow(&flow).await.unwrap();
    chorus.follow(&flow).await.unwrap();
    assert_eq!(service.tokens(), 4, "one that ends within the minute is used once");
    for (state, status, stage) in [
        ("IN_EN_COURS_TRAITEMENT_CPP", "", Stage::UnderWay),
        ("IN_INCIDENTE", "", Stage::Stuck),
        ("IN_REJETE", "", Stage::Rejected),
        ("IN_INTEGRE", "MISE_A_DISPOSITION", Stage::UnderWay),
        ("IN_INTEGRE_PARTIEL", "A_RECYCLER", Stage::Stuck),
        ("IN_INTEGRE", "REJETEE", Stage::Rejected),
        ("IN_INTEGRE", "MISE_EN_PAIEMENT", Stage::Paid),
        ("IN_INTEGRE", "UN_ETAT_NOUVEAU", Stage::UnderWay),
    ] {
        service.say(status, None);
        service.inner().state = state.into();
        assert_eq!(chorus.follow(&flow).await.unwrap().stage, stage, "{state} {status}");
    }
    assert!(matches!(chorus.follow("CPP99").await, Err(Fault::Unknown(_))), "not known yet decides nothing");
    service.inner().refuse = true;
    assert_eq!(chorus.submit(&invoice).await, Err(Fault::Refused("20001 Le fichier est illisible".into())));
    service.inner().lose = true;
    assert!(matches!(chorus.submit(&invoice).await, Err(Fault::Unknown(_))));
    assert!(!format!("{chorus:?}").contains("secret"));
}
