//! What Stripe refuses to give back goes from bank to bank: found by an admin, owed, transferred, and told once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::Answer;
use tests::stripe_sandbox::{Armed, Fault, Verdict};
use time::Duration;
use uuid::Uuid;

use crate::contracts::told;
use crate::faults::wait_until;
use crate::letters::letters;
use crate::market::{BOOKINGS, SERVICES, id, offer};
use crate::money::Money;
use crate::world::rfc3339;

pub const TRANSFERS: &str = "/api/v1/admin/bank-transfers";
const REFUNDS: &str = "/api/v1/admin/refunds";

impl Money {
    fn refuse(&self) {
        let refuse = Fault::Refuse { status: 400, code: "charge_disputed".into() };
        self.stripe.arm(Armed::once("/v1/refunds", refuse));
    }

    /// What the talent's leaving gives the client, and Stripe refuses; the payment and the refund.
    pub async fn refused(&self) -> (String, String) {
        let (mission, payment) = self.paid().await;
        self.refuse();
        let leave = format!("/api/v1/matching/missions/{mission}/withdraw");
        self.nurse.post(&leave, json!({ "reason": "Malade" })).await.expect(200);
        self.drain().await;
        (payment, self.failed().await)
    }

    /// The refund that was refused last.
    async fn failed(&self) -> String {
        let page = self.admin.get(&format!("{REFUNDS}?status=FAILED")).await.expect(200);
        id(&page["items"][0])
    }

    /// A refund that an admin asks for, and Stripe refuses.
    async fn asked_in_vain(&self, payment: &str, cents: i64) -> String {
        self.refuse();
        let asked = self.ask_back(payment, cents).await.expect(201);
        self.drain().await;
        id(&asked)
    }

    async fn ask_back(&self, payment: &str, cents: i64) -> Answer {
        let body = json!({ "amountCents": cents, "reason": "Geste commercial" });
        self.admin.post(&format!("/api/v1/payments/{payment}/refund"), body).await
    }

    pub async fn by_bank(&self, refund: &str) -> Answer {
        self.admin.act(&format!("{REFUNDS}/{refund}/by-bank")).await
    }

    /// The transfers that are due, or made.
    pub async fn transfers(&self, made: bool) -> Vec<Value> {
        let page = self.admin.get(&format!("{TRANSFERS}?made={made}")).await.expect(200);
        page["items"].as_array().unwrap().clone()
    }

    pub async fn transfer(&self, due: &Value, reference: &str) -> Answer {
        let made = format!("{TRANSFERS}/{}/made", id(due));
        self.admin.post(&made, json!({ "reference": reference })).await
    }
}

#[tokio::test]
async fn what_a_rule_gave_and_stripe_refused_is_transferred() {
    let money = Money::new().await;
    let (payment, refund) = money.refused().await;
    let page = money.admin.get(&format!("{REFUNDS}?status=FAILED")).await.expect(200);
    let failed = &page["items"][0];
    assert_eq!((&failed["way"], &failed["amountCents"]), (&json!("STRIPE"), &json!(20_000)));
    assert!(failed["failure"].as_str().unwrap().contains("charge_disputed"), "{failed}");
    assert_eq!(money.ledger().await["STRIPE"], 20_000);
    assert!(money.transfers(false).await.is_empty());

    let asked = join_all((0..5).map(|_| money.by_bank(&refund))).await;
    let (begun, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((begun.len(), &begun[0].body["status"]), (1, &json!("PENDING")));
    assert_eq!(begun[0].body["way"], "BANK");
    assert!(refused.iter().all(|answer| answer.body["code"] == "REFUND_NOT_FAILED"));
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 20_000, "OWED_BACK": -20_000 }));
    assert_eq!(money.payment(&payment).await["refundedCents"], 0, "not yet");
    assert_eq!(told(&money.world, &money.client, "REFUND_MADE", "").await.0, 0);
    assert_eq!(told(&money.world, &money.nurse, "PAYMENT_REDUCED", "").await.0, 1);
    assert_eq!(money.world.count("select count(*) from invoices where kind = 'CREDIT_NOTE'").await, 2);
    let subject = "Virement bancaire à faire";
    let alerts = letters(&money.world).into_iter().filter(|letter| letter.subject.contains(subject)).count();
    assert_eq!(alerts, 1);
    let [due] = &money.transfers(false).await[..] else { panic!("one transfer") };
    assert_eq!(
        [&due["paymentId"], &due["payerId"], &due["amountCents"], &due["why"]],
        [&json!(payment), &json!(money.client.id), &json!(20_000), &json!("REFUND_REFUSED")]
    );
    money.check().await;

    for answer in join_all((0..5).map(|_| money.transfer(due, "VIR-1"))).await {
        assert_eq!(answer.expect(200)["reference"], "VIR-1");
    }
    money.transfer(due, "VIR-2").await.expect_error(409, "NO_TRANSFER_DUE");
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 20_000, "BANK": -20_000 }));
    assert_eq!(money.payment(&payment).await["refundedCents"], 20_000);
    assert_eq!(told(&money.world, &money.client, "REFUND_MADE", "Remboursement effectué").await, (1, 1));
    assert!(money.transfers(false).await.is_empty());
    assert!(money.transfers(true).await[0]["madeAt"].is_string());
    money.by_bank(&refund).await.expect_error(409, "REFUND_NOT_FAILED");
    let seen = money.client.get("/api/v1/me/transactions").await.expect(200);
    let seen: Vec<_> =
        seen["items"].as_array().unwrap().iter().map(|item| item["amountCents"].clone()).collect();
    assert_eq!(seen, [20_000, -20_000], "paid, and got back once");
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_a_person_had_asked_for_is_taken_again_where_it_is_left() {
    let money = Money::new().await;
    let (_, payment) = money.paid().await;
    let large = money.asked_in_vain(&payment, 15_000).await;
    let small = money.asked_in_vain(&payment, 5_000).await;
    let made = id(&money.ask_back(&payment, 10_000).await.expect(201));
    money.by_bank(&made).await.expect_error(409, "REFUND_NOT_FAILED");
    money.drain().await;
    money.by_bank(&made).await.expect_error(409, "REFUND_NOT_FAILED");
    money.by_bank(&large).await.expect_error(409, "REFUND_TOO_LARGE");
    money.by_bank(&small).await.expect(200);
    money.ask_back(&payment, 5_001).await.expect_error(409, "REFUND_TOO_LARGE");
    money.drain().await;
    assert_eq!(money.ledger().await["OWED_BACK"], -5_000);
    money.ask_back(&payment, 5_001).await.expect_error(409, "REFUND_TOO_LARGE");
    money.by_bank(&Uuid::now_v7().to_string()).await.expect(404);
    money.check().await;

    // Page by page; what is no cursor, status or flag is refused.
    let mut seen = Vec::new();
    let mut next = format!("{REFUNDS}?limit=1");
    loop {
        let page = money.admin.get(&next).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("{REFUNDS}?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, [made, small, large]);
    for bad in
        ["refunds?status=LOST", "refunds?cursor=x", "bank-transfers?made=maybe", "bank-transfers?cursor=x"]
    {
        money.admin.get(&format!("/api/v1/admin/{bad}")).await.expect(400);
    }
    let due = &money.transfers(false).await[0];
    money.transfer(due, "").await.expect(400);
    money.transfer(due, &"x".repeat(101)).await.expect(400);
    money.world.end().await;
}

#[tokio::test]
async fn a_bank_that_holds_a_payment_decides_before_it_goes_by_bank() {
    let money = Money::new().await;
    let (_, refund) = money.refused().await;
    let dispute = money.stripe.dispute(&id(&money.stripe.objects("charge")[0]));
    money.drain().await;
    money.by_bank(&refund).await.expect_error(409, "PAYMENT_DISPUTED");
    money.stripe.close_dispute(&dispute, Verdict::Won);
    money.drain().await;
    money.by_bank(&refund).await.expect(200);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 20_000, "OWED_BACK": -20_000 }));
    money.check().await;
    money.world.end().await;

    // Or before it is owed, when it had begun to.
    let money = Money::new().await;
    let (_, refund) = money.refused().await;
    money.admin.act("/api/v1/admin/queues/default/pause").await.expect(200);
    money.by_bank(&refund).await.expect(200);
    let dispute = money.stripe.dispute(&id(&money.stripe.objects("charge")[0]));
    wait_until(&money.world, "select count(*) from payments where dispute = 'OPEN'", 1).await;
    money.admin.act("/api/v1/admin/queues/default/resume").await.expect(200);
    money.drain().await;
    assert!(money.transfers(false).await.is_empty(), "it waits");
    money.stripe.close_dispute(&dispute, Verdict::Won);
    money.drain().await;
    money.advance(Duration::minutes(5));
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 20_000, "OWED_BACK": -20_000 }));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_the_talent_got_meanwhile_is_taken_back_first() {
    let mut money = Money::new().await;
    money.onboarded().await;
    let (mission, payment) = money.paid().await;
    let refund = money.asked_in_vain(&payment, 10_000).await;
    money.accepted(&mission, 480).await;
    money.advance(Duration::hours(48));
    money.drain().await;
    money.return_all().await;
    assert_eq!(money.stripe.objects("transfer")[0]["amount"], 17_000);
    // Refused there as well, and asked anew for the transfer.
    money.by_bank(&refund).await.expect(200);
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer_reversal")[0]["amount"], 8_500);
    let half = json!({ "STRIPE": 11_500, "OWED_BACK": -10_000, "COMMISSION": -1_250, "VAT": -250 });
    assert_eq!(money.ledger().await, half);
    money.check().await;

    // What had come back stays so.
    let again = money.asked_in_vain(&payment, 10_000).await;
    assert_eq!(money.stripe.objects("transfer_reversal").len(), 2);
    money.by_bank(&again).await.expect(200);
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer_reversal").len(), 2);
    assert_eq!(money.ledger().await, json!({ "STRIPE": 20_000, "OWED_BACK": -20_000 }));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_booking_is_refunded_when_its_transfer_is_made() {
    let money = Money::new().await;
    let service = id(&money.nurse.post(SERVICES, offer()).await.expect(201));
    let start = (money.world.clock.now() + Duration::days(3)).replace_nanosecond(0).unwrap();
    let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": rfc3339(start) });
    let booking = format!("{BOOKINGS}/{}", id(&money.client.post(BOOKINGS, request).await.expect(201)));
    money.nurse.act(&format!("{booking}/accept")).await.expect(200);
    let intent = booking.replace("/bookings/", "/payments/bookings/") + "/intent";
    let payment = money.client.act(&intent).await.expect(201);
    money.stripe.pay(&money.intent_of(&payment).await);
    money.drain().await;
    money.refuse();
    money.nurse.post(&format!("{booking}/cancel"), json!({ "reason": "Malade" })).await.expect(200);
    money.drain().await;
    money.by_bank(&money.failed().await).await.expect(200);
    money.drain().await;
    assert_eq!(money.client.get(&booking).await.expect(200)["status"], "CANCELLED");
    money.transfer(&money.transfers(false).await[0], "VIR-1").await.expect(200);
    assert_eq!(money.client.get(&booking).await.expect(200)["status"], "REFUNDED");
    money.drain().await;
    money.check().await;
    money.world.end().await;
}
