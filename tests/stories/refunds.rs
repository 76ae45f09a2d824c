//! What goes back: to the client, on paper, and from the talent.

use serde_json::json;
use tests::stripe_sandbox::{Armed, Fault, Verdict};
use time::Duration;

use crate::contracts::told;
use crate::money::Money;

impl Money {
    async fn refund(&self, payment: &str, body: serde_json::Value) -> tests::Answer {
        self.admin.post(&format!("/api/v1/payments/{payment}/refund"), body).await
    }

    /// Paid, worked as planned, and transferred to the nurse.
    async fn paid_out(&mut self) -> (String, String) {
        let (mission, payment) = self.paid().await;
        self.onboarded().await;
        self.accepted(&mission, 480).await;
        self.advance(Duration::hours(48));
        self.drain().await;
        self.return_all().await;
        assert_eq!(self.stripe.objects("transfer").len(), 1);
        (mission, payment)
    }
}

#[tokio::test]
async fn an_admin_gives_back_in_parts_and_never_more_than_there_is() {
    let money = Money::new().await;
    let (_, payment) = money.paid().await;
    let reason = |cents: i64| json!({ "amountCents": cents, "reason": "Geste commercial" });
    money.client.post(&format!("/api/v1/payments/{payment}/refund"), reason(1)).await.expect(403);
    assert_eq!(money.refund(&payment, reason(20_001)).await.expect(409)["code"], "REFUND_TOO_LARGE");
    money.refund(&payment, reason(0)).await.expect(400);

    let refund = money.refund(&payment, reason(3_333)).await.expect(201);
    assert_eq!((&refund["status"], &refund["amountCents"]), (&json!("PENDING"), &json!(3_333)));
    money.drain().await;
    assert_eq!(money.payment(&payment).await["refundedCents"], 3_333);
    money.check().await;
    money.refund(&payment, json!({ "reason": "Tout le reste" })).await.expect(201);
    money.drain().await;
    assert_eq!(money.refund(&payment, reason(1)).await.expect(409)["code"], "REFUND_TOO_LARGE");
    assert_eq!(money.ledger().await, json!({}), "as if it had never been");
    assert_eq!(told(&money.world, &money.client, "REFUND_MADE", "Remboursement effectué").await, (2, 2));
    assert_eq!(money.world.count("select count(*) from invoices where kind = 'CREDIT_NOTE'").await, 4);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_the_talent_has_got_is_taken_back_first() {
    let mut money = Money::new().await;
    let (_, payment) = money.paid_out().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 3_000, "COMMISSION": -2_500, "VAT": -500 }));
    for lost in ["/v1/transfers/*/reversals", "/v1/refunds"] {
        money.stripe.arm(Armed::once(lost, Fault::DropAfter));
    }
    let half = json!({ "amountCents": 10_000, "reason": "Moitié" });
    money.refund(&payment, half).await.expect(201);
    // Asked again after a pause, with the same keys.
    money.advance(Duration::minutes(5));
    money.drain().await;
    let [reversal] = &money.stripe.objects("transfer_reversal")[..] else { panic!("one reversal") };
    assert_eq!(reversal["amount"], 8_500);
    assert_eq!(money.stripe.objects("refund").len(), 1);
    assert_eq!(money.ledger().await, json!({ "STRIPE": 1_500, "COMMISSION": -1_250, "VAT": -250 }));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_talent_who_cannot_give_back_owes_it() {
    let mut money = Money::new().await;
    let (_, payment) = money.paid_out().await;
    let refuse = Fault::Refuse { status: 400, code: "insufficient_funds".into() };
    money.stripe.arm(Armed::once("/v1/transfers/*/reversals", refuse));
    money.refund(&payment, json!({ "reason": "Tout" })).await.expect(201);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": -17_000, "TALENT": 17_000 }));
    let balance = money.nurse.get("/api/v1/me/balance").await.expect(200);
    assert_eq!(balance["owedCents"], -17_000);
    let letters = crate::letters::letters(&money.world);
    assert!(letters.iter().any(|letter| letter.subject.contains("Annulation de virement refusée")));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_refused_refund_frees_what_it_had_taken() {
    let money = Money::new().await;
    let (_, payment) = money.paid().await;
    let refuse = Fault::Refuse { status: 400, code: "charge_disputed".into() };
    money.stripe.arm(Armed::once("/v1/refunds", refuse));
    money.refund(&payment, json!({ "reason": "Tout" })).await.expect(201);
    money.drain().await;
    assert_eq!(money.world.count("select count(*) from refunds where status = 'FAILED'").await, 1);
    assert_eq!(money.world.count("select count(*) from ledger_entries where event = 'REFUNDED'").await, 0);
    money.refund(&payment, json!({ "reason": "Encore" })).await.expect(201);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_mission_that_is_called_off_costs_what_was_shown() {
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    money.onboarded().await;
    let seen = money.client.get(&format!("/api/v1/matching/missions/{mission}")).await.expect(200);
    let start = seen["startDate"].as_str().unwrap();
    let start = time::OffsetDateTime::parse(start, &time::format_description::well_known::Rfc3339).unwrap();
    // Twelve hours before the start: half.
    money.advance(start - money.world.clock.now() - Duration::hours(12));
    money.return_all().await;
    let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
    let price = money.client.get(&format!("/api/v1/matching/missions/{mission}/cancellation")).await;
    assert_eq!(price.expect(200)["priceCents"], 10_000);
    money.client.post(&cancel, json!({ "reason": "Retour anticipé" })).await.expect(200);
    money.drain().await;
    assert_eq!(money.payment(&payment).await["refundedCents"], 10_000);
    assert_eq!(
        money.ledger().await,
        json!({ "STRIPE": 10_000, "TALENT": -8_500, "COMMISSION": -1_250, "VAT": -250 })
    );
    // The rest is the talent's.
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 1_500, "COMMISSION": -1_250, "VAT": -250 }));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_talent_who_leaves_costs_the_client_nothing() {
    let money = Money::new().await;
    let (mission, payment) = money.paid().await;
    let leave = format!("/api/v1/matching/missions/{mission}/withdraw");
    money.nurse.post(&leave, json!({ "reason": "Malade" })).await.expect(200);
    money.drain().await;
    assert_eq!(money.payment(&payment).await["refundedCents"], 20_000);
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_is_paid_too_late_goes_back_by_itself() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let payment = money.intent(&mission).await;
    let intent = money.intent_of(&payment).await;
    money.stripe.hold(true);
    money.stripe.pay(&intent);
    let leave = format!("/api/v1/matching/missions/{mission}/withdraw");
    money.nurse.post(&leave, json!({ "reason": "Malade" })).await.expect(200);
    money.world.drain().await;
    money.stripe.hold(false);
    money.drain().await;
    let payment = money.payment(payment["paymentId"].as_str().unwrap()).await;
    assert_eq!((&payment["status"], &payment["refundedCents"]), (&json!("SUCCEEDED"), &json!(20_000)));
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_bank_that_takes_a_payment_back_takes_the_talents_share_too() {
    let mut money = Money::new().await;
    let (_, payment) = money.paid_out().await;
    let charge = money.stripe.objects("charge").pop().unwrap()["id"].as_str().unwrap().to_owned();
    let dispute = money.stripe.dispute(&charge);
    money.drain().await;
    assert_eq!(money.payment(&payment).await["dispute"], "OPEN");
    assert_eq!(
        money.ledger().await,
        json!({ "STRIPE": -17_000, "DISPUTED": 20_000, "COMMISSION": -2_500, "VAT": -500 })
    );
    money.stripe.close_dispute(&dispute, Verdict::Lost);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_dispute_that_is_won_only_holds_the_payout_up() {
    let money = Money::new().await;
    let (mission, _) = money.paid().await;
    money.onboarded().await;
    let charge = money.stripe.objects("charge").pop().unwrap()["id"].as_str().unwrap().to_owned();
    let dispute = money.stripe.dispute(&charge);
    money.drain().await;
    money.accepted(&mission, 480).await;
    money.advance(Duration::hours(48));
    money.drain().await;
    assert!(money.stripe.objects("transfer").is_empty(), "not while a bank disputes it");
    money.stripe.close_dispute(&dispute, Verdict::Won);
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer").len(), 1);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_refund_made_on_stripes_own_pages_is_booked_once() {
    let money = Money::new().await;
    let (_, payment) = money.paid().await;
    let charge = money.stripe.objects("charge").pop().unwrap()["id"].as_str().unwrap().to_owned();
    money.refund_at_stripe(&charge, 4_000).await;
    money.drain().await;
    assert_eq!(
        money
            .world
            .count("select count(*) from refunds where way = 'EXTERNAL' and status = 'SUCCEEDED'")
            .await,
        1
    );
    money.refund(&payment, json!({ "reason": "Le reste" })).await.expect(201);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}
