//! Services: offered, found, changed and taken off the market.

use serde_json::{Value, json};
use time::Duration;

use crate::market::{BOOKINGS, Market, SERVICES, id, offer};
use crate::world::World;

#[tokio::test]
async fn a_service_is_offered_found_and_changed() {
    let world = World::new().await;
    let (talent, other) = (world.nurse("nadia", 1.0).await, world.nurse("other", 2.0).await);
    let public = world.anonymous();
    let offered = talent.post(SERVICES, offer()).await.expect(201);
    assert_eq!(offered["slug"], "analyse-de-pratiques");
    assert_eq!(
        (&offered["talent"]["lastInitial"], &offered["talent"]["city"]),
        (&json!("M"), &json!("Paris"))
    );
    assert_eq!(id(&offered["talent"]), talent.id);
    let path = format!("{SERVICES}/{}", id(&offered));
    assert_eq!(public.get(&path).await.expect(200), offered);

    // Once more of the same name: another slug by itself, and none that is taken.
    assert_eq!(talent.post(SERVICES, offer()).await.expect(201)["slug"], "analyse-de-pratiques-2");
    let mut taken = offer();
    taken["slug"] = json!("analyse-de-pratiques");
    talent.post(SERVICES, taken.clone()).await.expect_error(409, "SLUG_TAKEN");
    assert_eq!(
        other.post(SERVICES, taken).await.expect(201)["slug"],
        "analyse-de-pratiques",
        "of another talent"
    );
    let rename = json!({ "slug": "analyse-de-pratiques-2" });
    talent.patch(&path, rename).await.expect_error(409, "SLUG_TAKEN");

    let change = json!({ "name": "Supervision", "participants": 8 });
    other.patch(&path, change.clone()).await.expect_error(404, "NOT_FOUND");
    let changed = talent.patch(&path, change).await.expect(200);
    assert_eq!((&changed["name"], &changed["participants"]), (&json!("Supervision"), &json!(8)));
    assert_eq!(changed["options"], offered["options"]);

    talent.patch(&path, json!({ "isActive": false })).await.expect(200);
    public.get(&path).await.expect_error(404, "NOT_FOUND");
    let listed = async |path: &str| public.get(path).await.expect(200)["items"].as_array().unwrap().len();
    assert_eq!(listed(SERVICES).await, 2);
    assert_eq!(listed(&format!("{SERVICES}?talentId={}&type=COACHING_VIDEO", other.id)).await, 1);
    assert_eq!(listed(&format!("{SERVICES}?type=WORKSHOP")).await, 0);
    let own = talent.get("/api/v1/me/services").await.expect(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 2, "inactive ones too");
    world.set_status(&other, "SUSPENDED").await;
    assert_eq!(listed(SERVICES).await, 1, "only of verified talents");
    world.end().await;
}

#[tokio::test]
async fn a_service_is_deleted_or_kept_for_its_bookings() {
    let market = Market::new().await;
    let Market { world, talent, client, service, .. } = &market;
    let unbooked = id(&talent.post(SERVICES, offer()).await.expect(201));
    let booking = market.asked(market.ahead(Duration::days(5))).await;
    for service in [service, &unbooked] {
        let path = format!("{SERVICES}/{service}");
        client.delete(&path).await.expect_error(403, "ROLE_NOT_ALLOWED");
        talent.delete(&path).await.expect(204);
        world.anonymous().get(&path).await.expect_error(404, "NOT_FOUND");
    }
    talent.delete(&format!("{SERVICES}/{unbooked}")).await.expect_error(404, "NOT_FOUND");
    let own = talent.get("/api/v1/me/services").await.expect(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!((&own["items"][0]["id"], &own["items"][0]["isActive"]), (&json!(service), &json!(false)));
    client
        .post(BOOKINGS, market.request(market.ahead(Duration::days(6))))
        .await
        .expect_error(404, "NOT_FOUND");
    market.accept(&booking).await.expect(200);
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn services_are_bounded_and_come_in_pages() {
    let world = World::new().await;
    let talent = world.nurse("nadia", 1.0).await;
    let with = |field: &str, value: Value| {
        let mut body = offer();
        body[field] = value;
        body
    };
    let option = |name: &str, cents: i64, minutes: i64| json!({ "name": name, "priceCents": cents, "durationMinutes": minutes });
    for bad in [
        with("options", json!([])),
        with("options", json!([option("a", 99, 60)])),
        with("options", json!([option("a", 1_000_001, 60)])),
        with("options", json!([option("a", 100, 14)])),
        with("options", json!([option("a", 100, 721)])),
        with("options", json!([option("a", 100, 60), option("a", 200, 60)])),
        with("options", json!((0..11).map(|n| option(&n.to_string(), 100, 60)).collect::<Vec<_>>())),
        with("participants", json!(0)),
        with("participants", json!(101)),
        with("slug", json!("Not a slug")),
        with("name", json!("")),
        with("type", json!("CONCERT")),
        with("priceCents", json!(100)),
    ] {
        talent.post(SERVICES, bad).await.expect_error(400, "INVALID_REQUEST");
    }
    for n in 0..5 {
        talent.post(SERVICES, with("name", json!(format!("Atelier {n}")))).await.expect(201);
    }
    let mut seen = Vec::new();
    let mut path = format!("{SERVICES}?limit=2");
    loop {
        let page = world.anonymous().get(&path).await.expect(200);
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["nextCursor"].as_str() else { break };
        path = format!("{SERVICES}?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["Atelier 4", "Atelier 3", "Atelier 2", "Atelier 1", "Atelier 0"]);
    world.end().await;
}
