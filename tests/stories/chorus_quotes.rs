//! The contract of a quote, paid by a public body: deferred, handed in when it is completed, and followed like a mission's.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, Client};
use time::Duration;

use crate::chorus::Public;
use crate::contracts::{newest, told};
use crate::signatures::sign;

fn chorus(contract: &str) -> String {
    contract.replace("/contracts/", "/payments/contracts/") + "/chorus"
}

impl Public {
    async fn defer_quote(&self, contract: &str) -> Answer {
        self.money.client.post(&chorus(contract), json!({})).await
    }

    /// A contract of a quote that is deferred; its path and its payment.
    pub async fn quoted(&self) -> (String, String) {
        let contract = self.money.quoted().await;
        let payment = self.defer_quote(&contract).await.expect(201);
        self.money.drain().await;
        (contract, payment["id"].as_str().unwrap().to_owned())
    }

    async fn completed(&mut self, contract: &str) {
        self.money.client.act(&format!("{contract}/complete")).await.expect(200);
        self.wait(Duration::seconds(1)).await;
    }

    async fn status(&self, contract: &str) -> Value {
        self.money.client.get(contract).await.expect(200)["status"].clone()
    }
}

#[tokio::test]
async fn a_public_body_pays_for_a_quote_when_its_accountant_does() {
    let mut public = Public::new(100_000).await;
    let path = public.money.quoted().await;
    let contract = public.money.client.get(&path).await.expect(200);
    let cents = contract["amountCents"].as_i64().unwrap();
    let body = json!({ "orderReference": "EJ-2026-7" });
    let stranger = public.money.world.client("rose").await;
    stranger.post(&chorus(&path), body.clone()).await.expect_error(403, "NOT_A_PARTY");
    public.money.nurse.post(&chorus(&path), body.clone()).await.expect_error(403, "ROLE_NOT_ALLOWED");
    public.money.client.post(&chorus(&path), json!({ "order": "x" })).await.expect(400);
    let deferral = chorus(&path);
    let asked = join_all((0..10).map(|_| public.money.client.post(&deferral, body.clone()))).await;
    let asked: Vec<_> = asked.into_iter().map(|answer| answer.expect(201)).collect();
    assert!(asked.iter().all(|payment| payment == &asked[0]));
    assert_eq!([&asked[0]["method"], &asked[0]["contractId"]], [&json!("CHORUS"), &contract["id"]]);
    assert_eq!(public.used().await, cents);
    let payment = asked[0]["id"].as_str().unwrap();
    public.money.drain().await;
    let (world, nurse) = (&public.money.world, &public.money.nurse);
    assert_eq!(told(world, nurse, "PAYMENT_DEFERRED", "Règlement différé").await, (1, 1));
    public.money.bill(&path).await.expect_error(409, "PAYMENT_PROCESSING");
    public.wait(Duration::hours(49)).await;
    assert!(public.chorus.inner().flows.is_empty(), "not before it is done");

    public.completed(&path).await;
    let sent = public.submission(payment).await;
    assert_eq!((&sent["status"], public.chorus.inner().flows.len()), (&json!("SENT"), 1));
    let (total, content): (i64, Value) =
        sqlx::query_as("select total_cents, content from invoices where issuer_id is not null")
            .fetch_one(&public.money.world.pool)
            .await
            .unwrap();
    assert_eq!((total, &content["orderReference"]), (cents, &json!("EJ-2026-7")));
    let lines: Vec<_> =
        content["lines"].as_array().unwrap().iter().map(|line| &line["description"]).collect();
    assert_eq!(lines[..3], ["Séance", "Carnets", "Bilan"]);
    let groups = |vat: &Value, rate: &str| -> Vec<_> {
        let groups = vat.as_array().unwrap().iter();
        groups.map(|group| [rate, "baseCents", "vatCents"].map(|name| group[name].clone())).collect()
    };
    assert_eq!(groups(&content["vat"], "bps"), groups(&contract["vat"], "rateBps"), "as it was frozen");
    assert_eq!(public.money.ledger().await["CHORUS"], cents);
    public.wait(Duration::days(30)).await;
    public.wait(Duration::days(15)).await;
    let (world, client) = (&public.money.world, &public.money.client);
    assert_eq!(told(world, client, "INVOICE_DUE", "Facture à échéance").await, (1, 1));
    assert_eq!(told(world, client, "INVOICE_OVERDUE", "Facture en retard").await, (1, 1));
    public.chorus.say("MISE_EN_PAIEMENT", None);
    public.look().await;
    assert_eq!(public.money.payment(payment).await["status"], "SUCCEEDED");
    assert_eq!((public.used().await, &public.money.ledger().await["BANK"]), (0, &json!(cents)));
    let due = "select count(*) from payouts where status = 'SCHEDULED'";
    assert_eq!(public.money.world.count(due).await, 1);
    public.money.check().await;

    // It goes back as a mission's does.
    let part = json!({ "amountCents": 3_333, "reason": "Geste commercial" });
    public.money.admin.post(&format!("/api/v1/payments/{payment}/refund"), part).await.expect(201);
    public.wait(Duration::seconds(10)).await;
    assert_eq!(public.chorus.inner().flows.len(), 2, "the credit note");
    let due = &public.money.transfers(false).await[0];
    assert_eq!((&due["why"], &due["amountCents"]), (&json!("PUBLIC_BODY"), &json!(3_333)));
    public.money.transfer(due, "VIR-1").await.expect(200);
    public.money.drain().await;
    assert_eq!(public.money.ledger().await["BANK"], cents - 3_333);
    public.money.check().await;
    public.money.world.end().await;
}

#[tokio::test]
async fn what_nobody_confirms_is_handed_in_a_fortnight_after_it_was_deferred() {
    let mut public = Public::new(100_000).await;
    let path = public.money.quoted().await;
    public.wait(Duration::days(3)).await;
    let payment = public.defer_quote(&path).await.expect(201)["id"].as_str().unwrap().to_owned();
    public.wait(Duration::days(13)).await;
    assert_eq!(public.status(&path).await, "SIGNED");
    public.wait(Duration::days(1)).await;
    assert_eq!(public.status(&path).await, "COMPLETED");
    assert_eq!(public.submission(&payment).await["status"], "SENT");
    let (world, client) = (&public.money.world, &public.money.client);
    assert_eq!(told(world, client, "CONTRACT_COMPLETED", "Prestation confirmée").await, (1, 1));
    public.money.check().await;
    public.money.world.end().await;

    // A dispute stops the clock, which begins anew with its decision.
    let mut public = Public::new(100_000).await;
    let (path, payment) = public.quoted().await;
    public.wait(Duration::days(13)).await;
    let reason = json!({ "reason": "Rien n’a eu lieu" });
    public.money.client.post(&format!("{path}/dispute"), reason).await.expect(200);
    public.defer_quote(&path).await.expect_error(409, "NOT_PAYABLE");
    public.wait(Duration::days(4)).await;
    assert_eq!(public.submission(&payment).await["status"], "PENDING");
    let resolve = path.replace("/api/v1/", "/api/v1/admin/") + "/resolve";
    public.money.admin.post(&resolve, json!({ "resolution": "En mai" })).await.expect(200);
    public.wait(Duration::days(14)).await;
    assert_eq!(public.submission(&payment).await["status"], "SENT");
    public.money.world.end().await;
}

#[tokio::test]
async fn a_quote_that_chorus_refuses_is_paid_otherwise() {
    let mut public = Public::new(100_000).await;
    let (path, payment) = public.quoted().await;
    public.completed(&path).await;
    public.chorus.inner().state = "IN_REJETE".into();
    public.look().await;
    assert_eq!(public.submission(&payment).await["status"], "REJECTED");
    assert_eq!((public.money.ledger().await, public.used().await), (json!({}), 0));
    let (world, client) = (&public.money.world, &public.money.client);
    assert_eq!(told(world, client, "CHORUS_REJECTED", "Facture refusée par Chorus Pro").await, (1, 1));

    // Handed in once more, at once since it is done; and refused once more.
    let second = public.defer_quote(&path).await.expect(201)["id"].as_str().unwrap().to_owned();
    assert_ne!(second, payment);
    public.wait(Duration::seconds(1)).await;
    assert_eq!(public.submission(&second).await["status"], "SENT");
    public.look().await;
    let by_card = public.money.bill(&path).await.expect(201);
    public.money.stripe.pay(&public.money.intent_of(&by_card).await);
    public.money.drain().await;
    assert_eq!(public.money.payment(by_card["paymentId"].as_str().unwrap()).await["status"], "SUCCEEDED");
    public.defer_quote(&path).await.expect_error(409, "ALREADY_PAID");
    public.money.check().await;
    public.money.world.end().await;
}

async fn refusal(client: &Client, contract: &str) -> Value {
    client.post(&chorus(contract), json!({})).await.expect(409)["code"].clone()
}

#[tokio::test]
async fn only_signed_quotes_of_public_bodies_within_their_credit_are_deferred() {
    let public = Public::new(100_000).await;
    let (client, nurse) = (&public.money.client, &public.money.nurse);
    let quote = json!({
        "clientId": client.id, "title": "Atelier",
        "lines": [{ "description": "Séance", "quantityMilli": 1_000, "unit": "h", "unitPriceCents": 4_500, "vatBps": 0 }],
    });
    let mission = public.signed(nurse).await;
    let of_mission = newest(nurse).await;
    assert_eq!(refusal(client, &of_mission).await, "NOT_PAYABLE", "a mission is deferred as such");
    assert!(public.defer(&mission).await.status == 201);
    let draft = nurse.post("/api/v1/quotes", quote).await.expect(201);
    let path = format!("/api/v1/quotes/{}", draft["id"].as_str().unwrap());
    nurse.act(&format!("{path}/send")).await.expect(200);
    client.act(&format!("{path}/accept")).await.expect(200);
    public.money.world.drain().await;
    let contract = newest(nurse).await;
    assert_eq!(refusal(client, &contract).await, "NOT_PAYABLE", "nobody has signed");
    sign(&public.money.world, client, &contract).await;
    sign(&public.money.world, nurse, &contract).await;

    let used = public.used().await;
    public.allow(used + 4_499).await.expect(200);
    assert_eq!(refusal(client, &contract).await, "CREDIT_EXCEEDED");
    public.allow(used + 4_500).await.expect(200);
    let private = json!({ "organizationType": "PRIVATE" });
    client.patch("/api/v1/me/establishment", private).await.expect(200);
    assert_eq!(refusal(client, &contract).await, "CHORUS_NOT_AVAILABLE");
    let open = json!({ "organizationType": "PUBLIC" });
    client.patch("/api/v1/me/establishment", open).await.expect(200);
    assert_eq!(public.used().await, used);
    // Begun to be paid by card.
    public.money.bill(&contract).await.expect(201);
    assert_eq!(refusal(client, &contract).await, "PAYMENT_PROCESSING");
    public.money.drain().await;
    public.money.world.end().await;
}
