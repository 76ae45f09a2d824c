//! What talents get, when, and what stands against it; and what a night's look at Stripe finds.

use serde_json::json;
use tests::stripe_sandbox::{Armed, Fault};
use time::Duration;

use crate::contracts::told;
use crate::money::Money;

#[tokio::test]
async fn a_talent_is_paid_two_days_after_the_work_was_accepted() {
    let money = Money::new().await;
    let (mission, _) = money.paid().await;
    let status = money.nurse.get("/api/v1/payments/connect/status").await.expect(200);
    assert_eq!((&status["started"], &status["payoutsEnabled"]), (&json!(false), &json!(false)));
    let link = money.nurse.act("/api/v1/payments/connect/onboarding").await.expect(201);
    assert!(link["url"].as_str().unwrap().starts_with("http"));
    money.nurse.act("/api/v1/payments/connect/onboarding").await.expect(201);
    assert_eq!(money.stripe.objects("account").len(), 1, "one account however often it is begun");
    money.onboarded().await;
    let status = money.nurse.get("/api/v1/payments/connect/status").await.expect(200);
    assert_eq!((&status["started"], &status["payoutsEnabled"]), (&json!(true), &json!(true)));

    money.accepted(&mission, 480).await;
    money.accepted(&mission, 480).await;
    let balance = money.nurse.get("/api/v1/me/balance").await.expect(200);
    assert_eq!((&balance["owedCents"], &balance["scheduledCents"]), (&json!(17_000), &json!(17_000)));
    money.advance(Duration::hours(47));
    money.drain().await;
    assert!(money.stripe.objects("transfer").is_empty());
    money.advance(Duration::hours(1));
    money.stripe.arm(Armed::once("/v1/transfers", Fault::DropAfter));
    money.drain().await;
    money.advance(Duration::minutes(5));
    money.drain().await;
    let [transfer] = &money.stripe.objects("transfer")[..] else { panic!("one transfer") };
    assert_eq!(transfer["amount"], 17_000);
    assert_eq!(money.ledger().await, json!({ "STRIPE": 3_000, "COMMISSION": -2_500, "VAT": -500 }));
    let nurse = money.world.returning(&money.nurse).await;
    assert_eq!(told(&money.world, &nurse, "PAYOUT_SENT", "Virement en route").await, (1, 1));
    let balance = nurse.get("/api/v1/me/balance").await.expect(200);
    assert_eq!((&balance["owedCents"], &balance["paidOutCents"]), (&json!(0), &json!(17_000)));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_payout_waits_for_an_account_and_for_good_standing() {
    let mut money = Money::new().await;
    let (mission, _) = money.paid().await;
    money.accepted(&mission, 480).await;
    money.advance(Duration::hours(49));
    money.drain().await;
    money.return_all().await;
    assert!(money.stripe.objects("transfer").is_empty(), "nobody knows where to");

    money.world.set_status(&money.nurse, "SUSPENDED").await;
    let account = {
        money.world.set_status(&money.nurse, "VERIFIED").await;
        money.nurse.act("/api/v1/payments/connect/onboarding").await.expect(201);
        money.stripe.objects("account")[0]["id"].as_str().unwrap().to_owned()
    };
    money.world.set_status(&money.nurse, "SUSPENDED").await;
    money.stripe.onboard(&account);
    money.drain().await;
    assert!(money.stripe.objects("transfer").is_empty(), "not while the account is suspended");
    let validate = format!("/api/v1/admin/users/{}/validate", money.nurse.id);
    money.admin.patch(&validate, json!({})).await;
    money.admin.send(money.admin.request(reqwest::Method::PATCH, &validate)).await;
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer").len(), 1);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_refused_transfer_is_tried_again_under_another_key() {
    let money = Money::new().await;
    let (mission, _) = money.paid().await;
    money.onboarded().await;
    money.accepted(&mission, 480).await;
    let refuse = Fault::Refuse { status: 400, code: "balance_insufficient".into() };
    money.stripe.arm(Armed::once("/v1/transfers", refuse));
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.world.count("select try::bigint from payouts where status = 'SENT'").await, 2);
    assert_eq!(money.stripe.objects("transfer").len(), 1);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn less_work_gives_back_and_more_is_asked_for() {
    let money = Money::new().await;
    let (mission, payment) = money.paid().await;
    money.onboarded().await;
    money.accepted(&mission, 450).await;
    assert_eq!(money.payment(&payment).await["refundedCents"], 1_250, "half an hour");
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer")[0]["amount"], 15_937, "18,750 less 2,812.5 half up");
    money.check().await;
    money.world.end().await;

    let money = Money::new().await;
    let (mission, _) = money.paid().await;
    money.accepted(&mission, 540).await;
    assert_eq!(told(&money.world, &money.client, "SUPPLEMENT_DUE", "Complément à régler").await, (1, 1));
    let supplement = money.intent(&mission).await;
    assert_eq!(supplement["amountCents"], 2_500);
    money.stripe.pay(&money.intent_of(&supplement).await);
    money.drain().await;
    assert_eq!(money.payment(supplement["paymentId"].as_str().unwrap()).await["status"], "SUCCEEDED");
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_never_came_is_found_at_night() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let payment = money.intent(&mission).await;
    money.stripe.send_to("http://127.0.0.1:9/nobody");
    money.stripe.hold(true);
    money.stripe.pay(&money.intent_of(&payment).await);
    money.world.enqueue(jobs::ledger::NewJob::of(&jobs::ReconcileStripe {})).await;
    money.world.drain().await;
    let id = payment["paymentId"].as_str().unwrap();
    assert_eq!(money.payment(id).await["status"], "SUCCEEDED");
    assert!(money.world.count("select count(*) from stripe_events where replayed").await >= 1);
    money.check().await;

    // Later: what Stripe took is booked, and all the rest agrees.
    money.advance(Duration::hours(2));
    money.world.enqueue(jobs::ledger::NewJob::of(&jobs::ReconcileStripe {})).await;
    money.world.drain().await;
    assert_eq!(money.world.count("select count(*) from ledger_entries where event = 'FEE'").await, 1);
    assert_eq!(money.world.count("select count(*) from jobs where kind = 'alert-money'").await, 0);
    let ours = "select sum(amount_cents)::bigint from ledger_postings where account = 'STRIPE'";
    assert_eq!(money.cents(ours).await, money.stripe.balance(), "to the cent, fees included");
    money.world.end().await;
}
