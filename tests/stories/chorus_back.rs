//! What a public body owes is what was accepted; and what goes back to it is a credit note, and a transfer between banks.

use domain::growth::points::Action;
use domain::surcharges;
use futures_util::future::join_all;
use jobs::AwardPoints;
use jobs::ledger::NewJob;
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

use crate::chorus::Public;
use crate::contracts::{again, told};
use crate::growth::points;
use crate::hub::start_of;
use crate::letters::letters;

impl Public {
    /// A mission's price for so many minutes.
    async fn price(&self, mission: &str, minutes: i64) -> i64 {
        let start = start_of(&self.money.client, mission).await;
        surcharges::price(start, start + Duration::minutes(minutes), 2_500).total_cents
    }

    async fn amount(&self, payment: &str) -> i64 {
        self.money.payment(payment).await["amountCents"].as_i64().unwrap()
    }

    /// The newest paper of a talent to the public body.
    async fn paper(&self, kind: &str) -> (i64, Value) {
        sqlx::query_as(
            "select total_cents, content from invoices where issuer_id is not null and kind = $1::invoice_kind
              order by issued_at desc, id desc limit 1",
        )
        .bind(kind)
        .fetch_one(&self.money.world.pool)
        .await
        .unwrap()
    }

    /// Everything that was done, paid over Chorus Pro; its payment and amount.
    async fn settled(&mut self) -> (String, i64) {
        let payment = self.handed_in().await;
        self.chorus.say("MISE_EN_PAIEMENT", None);
        self.look().await;
        let cents = self.amount(&payment).await;
        (payment, cents)
    }
}

#[tokio::test]
async fn the_sum_handed_in_is_that_of_the_accepted_minutes() {
    let mut public = Public::new(100_000).await;
    let nurses = [public.money.world.nurse("rose", 1.5).await, public.money.world.nurse("lise", 1.6).await];
    for (nurse, minutes) in nurses.iter().zip([450, 540]) {
        let nurse = public.money.world.returning(nurse).await;
        let mission = public.signed(&nurse).await;
        let cents = public.price(&mission, minutes).await;
        let payment = public.defer(&mission).await.expect(201)["id"].as_str().unwrap().to_owned();
        let before = public.used().await;
        let planned = public.amount(&payment).await;
        public.money.accepted(&mission, minutes).await;
        assert_eq!(public.amount(&payment).await, cents);
        assert_eq!(public.used().await, before - planned + cents, "the credit line follows");
        public.wait(Duration::hours(34)).await;
        assert_eq!(public.submission(&payment).await["status"], "SENT");
        let (total, content) = public.paper("INVOICE").await;
        assert_eq!(total, cents);
        assert_eq!(content["lines"][0]["unit"], "MINUTE", "minute by minute");
    }
    assert_eq!(public.chorus.inner().flows.len(), 2);
    again(&public.money.world, "submit-chorus").await;
    assert_eq!(public.chorus.inner().flows.len(), 2);
    public.money.check().await;

    // Beyond the line the plan is handed in, and the rest asked for.
    let nurse = public.money.world.returning(&nurses[0]).await;
    let mission = public.signed(&nurse).await;
    let payment = public.defer(&mission).await.expect(201)["id"].as_str().unwrap().to_owned();
    let planned = public.amount(&payment).await;
    let used = public.used().await;
    public.allow(used).await.expect(200);
    public.done(&mission, 540).await;
    assert_eq!((public.amount(&payment).await, public.used().await), (planned, used));
    let supplement = public.money.intent(&mission).await;
    assert_eq!(supplement["amountCents"], public.price(&mission, 540).await - planned);
    public.money.stripe.pay(&public.money.intent_of(&supplement).await);
    public.money.drain().await;
    public.money.check().await;
    public.money.world.end().await;
}

#[tokio::test]
async fn a_late_cancellation_is_handed_in_at_its_price() {
    let mut public = Public::new(100_000).await;
    let (mission, payment) = public.deferred().await;
    let planned = public.amount(&payment).await;
    // A day ahead, less what it took to sign.
    let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
    public.money.client.post(&cancel, json!({ "reason": "Fermeture" })).await.expect(200);
    public.wait(Duration::minutes(1)).await;
    let half = domain::money::share(planned, 5_000);
    assert_eq!((public.amount(&payment).await, public.used().await), (half, half));
    assert_eq!(public.submission(&payment).await["status"], "SENT");
    let (total, content) = public.paper("INVOICE").await;
    assert_eq!(total, half);
    let line = content["lines"][0]["description"].as_str().unwrap();
    assert!(line.starts_with("Indemnité d’annulation – "), "{line}");
    let (world, client) = (&public.money.world, &public.money.client);
    assert_eq!(told(world, client, "CANCELLATION_DUE", "").await.0, 0, "its accountant will pay");
    public.chorus.say("MISE_EN_PAIEMENT", None);
    public.look().await;
    assert_eq!(public.money.ledger().await["BANK"], half);
    public.money.check().await;

    // Asked for by nobody before, it may be deferred as well.
    let nurse = public.money.world.nurse("rose", 1.5).await;
    let mission = public.signed(&nurse).await;
    let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
    public.money.client.post(&cancel, json!({ "reason": "Fermeture" })).await.expect(200);
    public.money.drain().await;
    let payment = public.defer(&mission).await.expect(201)["id"].as_str().unwrap().to_owned();
    public.wait(Duration::minutes(1)).await;
    assert_eq!(public.submission(&payment).await["status"], "SENT");
    public.money.check().await;
    public.money.world.end().await;
}

#[tokio::test]
async fn what_a_public_body_paid_goes_back_from_bank_to_bank() {
    let mut public = Public::new(100_000).await;
    let (payment, cents) = public.settled().await;
    let refund = format!("/api/v1/payments/{payment}/refund");
    let too_much = json!({ "amountCents": cents + 1, "reason": "Erreur" });
    public.money.admin.post(&refund, too_much).await.expect_error(409, "REFUND_TOO_LARGE");
    let part = json!({ "amountCents": 5_000, "reason": "Geste commercial" });
    let asked = public.money.admin.post(&refund, part).await.expect(201);
    let id = asked["id"].as_str().unwrap().to_owned();
    public.money.drain().await;
    let ledger = public.money.ledger().await;
    assert_eq!((&ledger["BANK"], &ledger["OWED_BACK"]), (&json!(cents), &json!(-5_000)));
    assert_eq!(ledger["TALENT"], -domain::money::split(cents - 5_000, 1_500).1);
    assert!(public.money.stripe.objects("refund").is_empty());
    assert_eq!(public.paper("CREDIT_NOTE").await.0, 5_000);
    assert_eq!(public.money.payment(&payment).await["refundedCents"], 0, "not yet");
    let subject = "Virement bancaire à faire";
    let due: Vec<_> =
        letters(&public.money.world).into_iter().filter(|letter| letter.subject.contains(subject)).collect();
    assert!(due.len() == 1 && due[0].text.contains(&id), "{due:?}");
    public.money.check().await;

    // Chorus Pro has the credit note, once, and then the public body.
    public.wait(Duration::seconds(10)).await;
    {
        let inner = public.chorus.inner();
        assert!(inner.flows.len() == 2 && inner.flows[1].0.starts_with("AV-"), "{}", inner.flows[1].0);
    }
    public.look().await;
    let taken = "select count(*) from chorus_credits where status = 'PAID' and state = 'MISE_EN_PAIEMENT'";
    assert_eq!(public.money.world.count(taken).await, 1);

    let [due] = &public.money.transfers(false).await[..] else { panic!("one transfer") };
    assert_eq!((&due["why"], &due["amountCents"]), (&json!("PUBLIC_BODY"), &json!(5_000)));
    for answer in join_all((0..5).map(|_| public.money.transfer(due, "VIR-1"))).await {
        assert_eq!(answer.expect(200)["reference"], "VIR-1");
    }
    public.money.transfer(due, "VIR-2").await.expect_error(409, "NO_TRANSFER_DUE");
    public.money.transfer(&json!({ "id": Uuid::now_v7() }), "VIR-1").await.expect(404);
    public.money.by_bank(&id).await.expect_error(409, "REFUND_NOT_FAILED");
    public.money.drain().await;
    assert_eq!(public.money.world.count("select count(*) from refunds where status = 'SUCCEEDED'").await, 1);
    let ledger = public.money.ledger().await;
    assert_eq!((&ledger["BANK"], &ledger["OWED_BACK"]), (&json!(cents - 5_000), &Value::Null));
    assert_eq!(public.money.payment(&payment).await["refundedCents"], 5_000);
    let (world, client) = (&public.money.world, &public.money.client);
    assert_eq!(told(world, client, "REFUND_MADE", "Remboursement effectué").await, (1, 1));

    // The rest too; nothing is left for the talent, nor what was earned with it.
    let (nurse, place): (Uuid, Uuid) =
        sqlx::query_as("select talent_id, assignment_id from reports").fetch_one(&world.pool).await.unwrap();
    let earned = AwardPoints { user_id: nurse.into(), action: Action::MissionCompleted, reference: place };
    world.enqueue(NewJob::of(&earned)).await;
    world.drain().await;
    assert_eq!(points(&public.money.nurse).await, 50);
    public.money.admin.post(&refund, json!({ "reason": "Tout" })).await.expect(201);
    public.money.drain().await;
    assert_eq!(points(&public.money.nurse).await, 0);
    again(&public.money.world, "award-points").await;
    assert_eq!(points(&public.money.nurse).await, 0, "not earned any more");
    assert_eq!(public.money.ledger().await, json!({ "BANK": cents - 5_000, "OWED_BACK": 5_000 - cents }));
    public.money.check().await;
    public.wait(Duration::seconds(10)).await;
    public.money.world.end().await;
}

#[tokio::test]
async fn the_talents_share_of_what_goes_back_is_taken_back_first() {
    let mut public = Public::new(100_000).await;
    public.money.onboarded().await;
    // A talent is paid from the balance at Stripe, whose money comes from others.
    for (name, days) in [("rose", 4), ("lise", 8)] {
        let nurse = public.money.world.nurse(name, 1.5).await;
        let mission = public.signed_ahead(&nurse, Duration::days(days)).await;
        let by_card = public.money.intent(&mission).await;
        public.money.stripe.pay(&public.money.intent_of(&by_card).await);
        public.money.drain().await;
    }
    let (payment, cents) = public.settled().await;
    public.wait(Duration::hours(48)).await;
    assert_eq!(public.money.stripe.objects("transfer").len(), 1);
    // Chorus refuses the credit note: somebody has to look.
    public.chorus.inner().refuse = true;
    public
        .money
        .admin
        .post(&format!("/api/v1/payments/{payment}/refund"), json!({ "reason": "Tout" }))
        .await
        .expect(201);
    public.money.drain().await;
    assert_eq!(public.money.stripe.objects("transfer_reversal").len(), 1);
    let ledger = public.money.ledger().await;
    assert_eq!((&ledger["BANK"], &ledger["OWED_BACK"]), (&json!(cents), &json!(-cents)));
    let balance = public.money.nurse.get("/api/v1/me/balance").await.expect(200);
    assert_eq!((&balance["owedCents"], &balance["paidOutCents"]), (&json!(0), &json!(0)));
    public.money.check().await;
    public.wait(Duration::seconds(10)).await;
    let refused = "select count(*) from chorus_credits where status = 'REJECTED'";
    assert_eq!(public.money.world.count(refused).await, 1);
    public.money.world.end().await;
}

#[tokio::test]
async fn an_invoice_names_the_service_and_the_order_of_its_buyer() {
    let mut public = Public::new(100_000).await;
    let usual = json!({ "chorusServiceCode": "ACHATS", "chorusOrderReference": "EJ-2026-1" });
    let site = public.money.client.patch("/api/v1/me/establishment", usual).await.expect(200);
    assert_eq!(site["chorusOrderReference"], "EJ-2026-1");
    let named = |content: &Value| (content["buyerReference"].clone(), content["orderReference"].clone());
    for (body, reference) in
        [(json!({}), "EJ-2026-1"), (json!({ "orderReference": "EJ-2026-2" }), "EJ-2026-2")]
    {
        let nurse = public.money.world.nurse(&reference.to_lowercase(), 1.5).await;
        let mission = public.signed(&nurse).await;
        let path = format!("/api/v1/payments/missions/{mission}/chorus");
        for bad in [
            json!({ "orderReference": "" }),
            json!({ "orderReference": "x".repeat(51) }),
            json!({ "order": "x" }),
        ] {
            public.money.client.post(&path, bad).await.expect(400);
        }
        public.money.client.post(&path, body).await.expect(201);
        public.done(&mission, 480).await;
        assert_eq!(named(&public.paper("INVOICE").await.1), (json!("ACHATS"), json!(reference)));
    }
    public.money.world.end().await;
}
