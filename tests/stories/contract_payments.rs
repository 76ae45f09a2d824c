//! The contract of a quote: paid, completed by its client or by time, and paid out.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::Answer;
use time::Duration;

use crate::contracts::{newest, told, weekday};
use crate::money::Money;
use crate::signatures::sign;

impl Money {
    /// The contract of a quote that its client has accepted; its path.
    async fn drafted(&self) -> String {
        self.client.post("/api/v1/matching/missions", weekday()).await.expect(201);
        self.world.drain().await;
        let quote = json!({
            "clientId": self.client.id, "title": "Atelier mémoire", "discountCents": 1_389,
            "lines": [
                { "description": "Séance", "quantityMilli": 1_500, "unit": "h", "unitPriceCents": 4_333, "vatBps": 2_000 },
                { "description": "Carnets", "quantityMilli": 12_000, "unit": "pièce", "unitPriceCents": 199, "vatBps": 550 },
                { "description": "Bilan", "quantityMilli": 1_000, "unit": "forfait", "unitPriceCents": 5_000, "vatBps": 0 },
            ],
        });
        let draft = self.nurse.post("/api/v1/quotes", quote).await.expect(201);
        let path = format!("/api/v1/quotes/{}", draft["id"].as_str().unwrap());
        self.nurse.act(&format!("{path}/send")).await.expect(200);
        self.client.act(&format!("{path}/accept")).await.expect(200);
        self.world.drain().await;
        newest(&self.client).await
    }

    /// And that both have signed.
    pub async fn quoted(&self) -> String {
        let contract = self.drafted().await;
        sign(&self.world, &self.client, &contract).await;
        sign(&self.world, &self.nurse, &contract).await;
        self.drain().await;
        contract
    }

    /// What the client is asked to pay for a contract.
    pub async fn bill(&self, contract: &str) -> Answer {
        self.client.act(&intent(contract)).await
    }

    async fn settle(&self, contract: &str) -> Value {
        let payment = self.bill(contract).await.expect(201);
        self.stripe.pay(&self.intent_of(&payment).await);
        self.drain().await;
        payment
    }
}

fn intent(contract: &str) -> String {
    contract.replace("/contracts/", "/payments/contracts/") + "/intent"
}

#[tokio::test]
async fn a_quote_is_paid_as_it_was_agreed_and_paid_out_when_it_is_done() {
    let money = Money::new().await;
    money.onboarded().await;
    let path = money.quoted().await;
    assert_eq!(told(&money.world, &money.client, "CONTRACT_DUE", "Contrat à régler").await, (1, 1));
    let contract = money.client.get(&path).await.expect(200);
    let asked = join_all((0..10).map(|_| money.bill(&path))).await;
    let asked: Vec<_> = asked.into_iter().map(|answer| answer.expect(201)).collect();
    assert!(asked.iter().all(|payment| payment == &asked[0]));
    assert_eq!(asked[0]["amountCents"], contract["amountCents"]);
    let id = asked[0]["paymentId"].as_str().unwrap();
    money.settle(&path).await;
    assert_eq!(money.payment(id).await["contractId"], contract["id"]);
    assert_eq!(money.bill(&path).await.expect(409)["code"], "ALREADY_PAID");
    let invoice: (i64, Value) =
        sqlx::query_as("select total_cents, content from invoices where issuer_id is not null")
            .fetch_one(&money.world.pool)
            .await
            .unwrap();
    assert_eq!(json!(invoice.0), contract["amountCents"]);
    let lines: Vec<_> =
        invoice.1["lines"].as_array().unwrap().iter().map(|line| &line["description"]).collect();
    assert_eq!(lines[..3], ["Séance", "Carnets", "Bilan"]);
    assert!(lines[3..].iter().all(|line| *line == "Remise"));
    let groups = |vat: &Value, rate: &str| -> Vec<_> {
        let groups = vat.as_array().unwrap().iter();
        groups.map(|group| [rate, "baseCents", "vatCents"].map(|name| group[name].clone())).collect()
    };
    assert_eq!(groups(&invoice.1["vat"], "bps"), groups(&contract["vat"], "rateBps"), "as it was frozen");

    money.nurse.act(&format!("{path}/complete")).await.expect(403);
    let stranger = money.world.client("rose").await;
    stranger.act(&format!("{path}/complete")).await.expect_error(403, "NOT_A_PARTY");
    stranger.act(&intent(&path)).await.expect_error(403, "NOT_A_PARTY");
    money.advance(Duration::hours(49));
    money.drain().await;
    assert!(money.stripe.objects("transfer").is_empty(), "not before it is done");
    let client = money.world.returning(&money.client).await;
    let complete = format!("{path}/complete");
    let answers = join_all((0..5).map(|_| client.act(&complete))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), done[0].body["status"].clone()), (1, json!("COMPLETED")));
    assert!(refused.iter().all(|answer| answer.body["code"] == "CONTRACT_NOT_COMPLETABLE"));
    money.drain().await;
    let nurse = money.world.returning(&money.nurse).await;
    assert_eq!(told(&money.world, &nurse, "CONTRACT_COMPLETED", "Prestation confirmée").await, (1, 1));
    money.advance(Duration::hours(48));
    money.drain().await;
    let [transfer] = &money.stripe.objects("transfer")[..] else { panic!("one transfer") };
    let cents = contract["amountCents"].as_i64().unwrap();
    assert_eq!(transfer["amount"], domain::money::split(cents, 1_500).1);
    money.check().await;

    // In part it can go back, VAT by rate.
    let admin = money.world.returning(&money.admin).await;
    let part = json!({ "amountCents": 3_333, "reason": "Geste commercial" });
    admin.post(&format!("/api/v1/payments/{id}/refund"), part).await.expect(201);
    money.drain().await;
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_nobody_confirms_is_done_after_a_fortnight_unless_it_is_disputed() {
    let mut money = Money::new().await;
    money.onboarded().await;
    let path = money.quoted().await;
    money.settle(&path).await;
    money.advance(Duration::days(13));
    money.return_all().await;
    money.client.post(&format!("{path}/dispute"), json!({ "reason": "Rien n’a eu lieu" })).await.expect(200);
    let complete = format!("{path}/complete");
    money.client.act(&complete).await.expect_error(409, "CONTRACT_NOT_COMPLETABLE");
    money.advance(Duration::days(4));
    money.drain().await;
    money.return_all().await;
    assert_eq!(money.client.get(&path).await.expect(200)["status"], "DISPUTED");
    let resolve = path.replace("/api/v1/", "/api/v1/admin/") + "/resolve";
    let resolved = money.admin.post(&resolve, json!({ "resolution": "La séance a lieu en mai" })).await;
    assert_eq!(resolved.expect(200)["status"], "SIGNED");
    money.advance(Duration::days(13));
    money.drain().await;
    money.return_all().await;
    assert_eq!(money.client.get(&path).await.expect(200)["status"], "SIGNED");
    money.advance(Duration::days(1));
    money.drain().await;
    money.return_all().await;
    assert_eq!(money.client.get(&path).await.expect(200)["status"], "COMPLETED");
    assert_eq!(told(&money.world, &money.client, "CONTRACT_COMPLETED", "Prestation confirmée").await, (1, 1));
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer").len(), 1);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_quote_may_be_done_before_its_payment_is_known() {
    let money = Money::new().await;
    money.onboarded().await;
    let path = money.drafted().await;
    assert_eq!(money.bill(&path).await.expect(409)["code"], "NOT_PAYABLE", "nobody has signed");
    money.client.act(&format!("{path}/complete")).await.expect_error(409, "CONTRACT_NOT_COMPLETABLE");
    sign(&money.world, &money.client, &path).await;
    sign(&money.world, &money.nurse, &path).await;
    let payment = money.bill(&path).await.expect(201);
    money.stripe.hold(true);
    money.stripe.pay(&money.intent_of(&payment).await);
    let complete = format!("{path}/complete");
    let (completed, ()) = tokio::join!(money.client.act(&complete), async { money.stripe.hold(false) });
    completed.expect(200);
    money.drain().await;
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer").len(), 1);

    // Other contracts are paid and completed otherwise.
    let money = Money::new().await;
    money.signed().await;
    let mission = newest(&money.client).await;
    assert_eq!(money.bill(&mission).await.expect(409)["code"], "NOT_PAYABLE");
    money.client.act(&format!("{mission}/complete")).await.expect_error(409, "CONTRACT_NOT_COMPLETABLE");
    money.world.end().await;
}
