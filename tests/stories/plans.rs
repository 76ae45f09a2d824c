//! Under which plan somebody buys: decided by admins, kept with its reason, and nothing that was agreed moves.

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::money::Money;

#[tokio::test]
async fn a_plan_counts_for_what_is_asked_for_from_then_on() {
    let money = Money::new().await;
    let site = money.client.get("/api/v1/me/establishment").await.expect(200)["id"].clone();
    let plan = format!("/api/v1/admin/establishments/{}/plan", site.as_str().unwrap());
    let before = money.signed().await;
    let before = money.intent(&before).await["paymentId"].as_str().unwrap().to_owned();

    let beta = json!({ "plan": "BETA", "reason": "Établissement pilote" });
    let given = join_all((0..10).map(|_| money.admin.patch(&plan, beta.clone()))).await;
    for answer in given {
        let given = answer.expect(200);
        assert_eq!((&given["plan"], &given["commissionBps"]), (&json!("BETA"), &json!(200)));
    }
    let decisions: Vec<(String, String, String, String)> = sqlx::query_as(
        "select before::text, plan::text, reason, admin_id::text from plan_decisions where establishment_id is not null",
    )
    .fetch_all(&money.world.pool)
    .await
    .unwrap();
    let decision = ("STANDARD".into(), "BETA".into(), "Établissement pilote".into(), money.admin.id.clone());
    assert_eq!(decisions, [decision], "once, however often it is said");
    assert_eq!(money.payment(&before).await["commissionCents"], 3_000, "as it was asked for");
    let nurse = money.world.nurse("rose", 1.5).await;
    let mut body = crate::contracts::weekday();
    body["title"] = json!("Un autre jour");
    let mission = crate::contracts::assigned(&money.world, &money.client, &nurse, body).await;
    let contract = crate::contracts::newest(&nurse).await;
    crate::signatures::sign(&money.world, &money.client, &contract).await;
    crate::signatures::sign(&money.world, &nurse, &contract).await;
    let after = money.intent(&mission).await["paymentId"].as_str().unwrap().to_owned();
    assert_eq!(money.payment(&after).await["commissionCents"], 400, "2 %");
    money.drain().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_plan_is_given_to_a_client_by_an_admin_with_a_reason() {
    let money = Money::new().await;
    let of = |user: &str| format!("/api/v1/admin/users/{user}/plan");
    let path = of(&money.client.id);
    let (free, why) =
        (json!({ "plan": "ENTERPRISE", "reason": "Contrat-cadre" }), "select count(*) from plan_decisions");
    for person in [&money.client, &money.nurse] {
        person.patch(&path, free.clone()).await.expect(403);
    }
    for bad in [
        json!({ "plan": "GOLD", "reason": "x" }),
        json!({ "plan": "BETA" }),
        json!({ "plan": "BETA", "reason": " " }),
        json!({ "plan": "BETA", "reason": "x", "commissionBps": 1 }),
    ] {
        money.admin.patch(&path, bad).await.expect(400);
    }
    money.admin.patch(&of(&Uuid::now_v7().to_string()), free.clone()).await.expect(404);
    money.admin.patch(&of(&money.nurse.id), free.clone()).await.expect(404);
    assert_eq!(money.world.count(why).await, 0);
    assert_eq!(money.admin.patch(&path, free).await.expect(200)["commissionBps"], 0);
    money.admin.patch(&path, json!({ "plan": "STANDARD", "reason": "Fin" })).await.expect(200);
    assert_eq!(money.world.count(why).await, 2);
    let forged = sqlx::query("update plan_decisions set reason = 'x'").execute(&money.world.pool).await;
    assert!(forged.unwrap_err().to_string().contains("append-only"));
    money.world.end().await;
}
