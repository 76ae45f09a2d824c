//! Paying for a mission: from the signed contract to the settled payment, its ledger and its paper.

use futures_util::future::join_all;
use serde_json::json;
use tests::stripe_sandbox::{Armed, Fault};

use crate::contracts::told;
use crate::money::Money;

#[tokio::test]
async fn a_signed_mission_is_paid_once_and_for_all() {
    let money = Money::new().await;
    let mission = money.signed().await;
    assert_eq!(told(&money.world, &money.client, "PAYMENT_DUE", "Mission à régler").await, (1, 1));

    let payment = money.intent(&mission).await;
    assert_eq!(payment["amountCents"], 8 * 2_500);
    let again = money.intent(&mission).await;
    assert_eq!(again, payment, "an open payment is found again");
    assert_eq!(money.stripe.objects("payment_intent").len(), 1);
    assert_eq!(money.stripe.objects("customer").len(), 1);

    let intent = money.intent_of(&payment).await;
    money.stripe.decline(&intent);
    money.drain().await;
    let id = payment["paymentId"].as_str().unwrap();
    let declined = money.payment(id).await;
    assert_eq!((&declined["status"], &declined["failureCode"]), (&json!("FAILED"), &json!("card_declined")));

    money.stripe.pay(&intent);
    money.drain().await;
    let paid = money.payment(id).await;
    assert_eq!((&paid["status"], &paid["commissionCents"]), (&json!("SUCCEEDED"), &json!(3_000)));
    assert!(paid["settledAt"].is_string());
    assert_eq!(
        money.ledger().await,
        json!({ "STRIPE": 20_000, "TALENT": -17_000, "COMMISSION": -2_500, "VAT": -500 })
    );
    for (person, kind, subject) in [
        (&money.client, "PAYMENT_CONFIRMED", "Paiement reçu"),
        (&money.nurse, "PAYMENT_RECEIVED", "Le client a payé"),
    ] {
        assert_eq!(told(&money.world, person, kind, subject).await, (1, 1));
    }
    let refusal = money.client.act(&format!("/api/v1/payments/missions/{mission}/intent")).await;
    assert_eq!(refusal.expect(409)["code"], "ALREADY_PAID");

    let balance = money.nurse.get("/api/v1/me/balance").await.expect(200);
    assert_eq!((&balance["owedCents"], &balance["paidOutCents"]), (&json!(17_000), &json!(0)));
    let seen = money.nurse.get("/api/v1/me/transactions").await.expect(200);
    assert_eq!(
        (&seen["items"][0]["event"], &seen["items"][0]["amountCents"]),
        (&json!("PAID"), &json!(17_000))
    );
    let seen = money.client.get("/api/v1/me/transactions").await.expect(200);
    assert_eq!(seen["items"][0]["amountCents"], -20_000);
    let invoices = money.client.get("/api/v1/me/invoices").await.expect(200);
    assert_eq!(invoices["items"].as_array().unwrap().len(), 1);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn nobody_pays_before_it_is_time_or_for_others() {
    let money = Money::new().await;
    let mission =
        crate::contracts::assigned(&money.world, &money.client, &money.nurse, crate::contracts::weekday())
            .await;
    let path = format!("/api/v1/payments/missions/{mission}/intent");
    assert_eq!(money.client.act(&path).await.expect(409)["code"], "NOT_PAYABLE");
    let stranger = money.world.client("rose").await;
    assert_eq!(stranger.act(&path).await.expect(403)["code"], "NOT_A_PARTICIPANT");
    money.nurse.act(&path).await.expect(403);
    money.client.act(&format!("/api/v1/payments/missions/{}/intent", uuid::Uuid::now_v7())).await.expect(404);

    let (_, payment) = {
        let contract = crate::contracts::newest(&money.client).await;
        crate::signatures::sign(&money.world, &money.client, &contract).await;
        crate::signatures::sign(&money.world, &money.nurse, &contract).await;
        let payment = money.intent(&mission).await;
        (mission, payment["paymentId"].as_str().unwrap().to_owned())
    };
    let path = format!("/api/v1/payments/{payment}");
    assert_eq!(stranger.get(&path).await.expect(403)["code"], "NOT_A_PARTY");
    money.nurse.get(&path).await.expect(200);
    money.admin.get(&path).await.expect(200);
    money.drain().await;
    money.world.end().await;
}

#[tokio::test]
async fn twenty_who_ask_at_once_are_asked_for_one_payment() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let asked = join_all((0..20).map(|_| money.intent(&mission))).await;
    assert!(asked.iter().all(|payment| payment == &asked[0]));
    assert_eq!(money.stripe.objects("payment_intent").len(), 1);
    assert_eq!(money.world.count("select count(*) from payments").await, 1);
    money.world.end().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let path = format!("/api/v1/payments/missions/{mission}/intent");
    let keyed = || money.client.request(reqwest::Method::POST, &path).header("idempotency-key", "pay-1");
    for lost in ["/v1/customers", "/v1/payment_intents"] {
        money.stripe.arm(Armed::once(lost, Fault::DropAfter));
        assert_eq!(money.client.send(keyed()).await.expect(503)["code"], "PAYMENT_PROVIDER_AWAY");
    }
    let made = money.client.send(keyed()).await;
    let replayed = money.client.send(keyed()).await;
    assert_eq!(replayed.headers["idempotent-replayed"], "true");
    assert_eq!(made.expect(201), replayed.expect(201));
    assert_eq!(money.stripe.objects("payment_intent").len(), 1);
    assert_eq!(money.stripe.objects("customer").len(), 1);
    money.world.end().await;
}

#[tokio::test]
async fn without_keys_money_routes_say_so_and_the_rest_works() {
    let world = crate::world::World::new().await;
    let (client, nurse, admin) =
        (world.client("lilas").await, world.nurse("nadia", 1.0).await, world.admin().await);
    let id = uuid::Uuid::now_v7();
    for answer in [
        client.act(&format!("/api/v1/payments/missions/{id}/intent")).await,
        client.act(&format!("/api/v1/payments/bookings/{id}/intent")).await,
        nurse.act("/api/v1/payments/connect/onboarding").await,
        nurse.get("/api/v1/payments/connect/status").await,
        admin.post(&format!("/api/v1/payments/{id}/refund"), json!({ "reason": "Erreur" })).await,
        world.anonymous().post(crate::money::WEBHOOKS, json!({})).await,
    ] {
        assert_eq!(answer.expect(503)["code"], "PAYMENTS_NOT_CONFIGURED");
    }
    nurse.get("/api/v1/me/balance").await.expect(200);
    client.get("/api/v1/me/transactions").await.expect(200);
    world.end().await;
}
