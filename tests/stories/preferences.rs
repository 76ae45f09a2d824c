//! What people want to be told, and how; and mails that are only sent when nothing else was seen.

use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use crate::letters::letters;
use crate::notifications::assert_counted;
use crate::push::Pushing;
use crate::world::World;

const PREFERENCES: &str = "/api/v1/notifications/preferences";

/// What one would send back, changed in one type.
async fn with(who: &Client, kind: &str, channels: Value) -> Value {
    let mut wishes = who.get(PREFERENCES).await.expect(200);
    wishes.as_object_mut().unwrap().remove("mandatoryMails");
    let types = wishes["types"].as_array_mut().unwrap();
    let one = types.iter_mut().find(|one| one["type"] == kind).unwrap();
    for (channel, on) in channels.as_object().unwrap() {
        one[channel] = on.clone();
    }
    wishes
}

#[tokio::test]
async fn preferences_have_defaults_and_bounds() {
    let world = World::without_worker().await;
    let nurse = world.nurse("zoe", 1.0).await;
    let usual = nurse.get(PREFERENCES).await.expect(200);
    assert_eq!(usual["quietHours"], json!({ "enabled": true, "from": 22, "to": 7 }));
    let one = |kind: &str| {
        usual["types"].as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap().clone()
    };
    assert_eq!(
        one("MISSION_INVITATION"),
        json!({ "type": "MISSION_INVITATION", "inApp": true, "push": true, "mail": true })
    );
    assert_eq!(
        one("QUOTE_VIEWED"),
        json!({ "type": "QUOTE_VIEWED", "inApp": true, "push": false, "mail": false })
    );
    assert_eq!(
        one("MESSAGE_RECEIVED"),
        json!({ "type": "MESSAGE_RECEIVED", "inApp": false, "push": true, "mail": true })
    );
    let mandatory = usual["mandatoryMails"].as_array().unwrap();
    assert!(
        mandatory.contains(&json!("CONTRACT_TO_SIGN")) && !mandatory.contains(&json!("MISSION_INVITATION"))
    );

    let off = json!({ "inApp": false, "push": false, "mail": false });
    let quiet =
        nurse.put(PREFERENCES, with(&nurse, "MISSION_INVITATION", off.clone()).await).await.expect(200);
    assert_eq!(quiet, nurse.get(PREFERENCES).await.expect(200));
    assert_eq!(
        world.count("select count(*) from notification_preferences").await,
        1,
        "only what differs is kept"
    );
    // Named no more, it is as usual again.
    let bare = json!({ "quietHours": { "enabled": false, "from": 1, "to": 2 }, "types": [] });
    let back = nurse.put(PREFERENCES, bare.clone()).await.expect(200);
    assert_eq!(back["types"], usual["types"]);

    let hours = |from: i64, to: i64| json!({ "quietHours": { "enabled": true, "from": from, "to": to }, "types": [] });
    let types = |types: Value| json!({ "quietHours": bare["quietHours"], "types": types });
    let choice = json!({ "type": "QUOTE_VIEWED", "inApp": true, "push": true, "mail": true });
    for refused in [
        types(json!([{ "type": "NO_SUCH_TYPE", "inApp": true, "push": true, "mail": true }])),
        types(json!([{ "type": "QUOTE_VIEWED", "inApp": true, "push": true, "mail": true, "sms": true }])),
        types(json!([{ "type": "QUOTE_VIEWED", "inApp": true, "push": true }])),
        types(json!([{ "type": "QUOTE_VIEWED", "inApp": "true", "push": true, "mail": true }])),
        types(json!([choice, choice])),
        types(json!([{ "type": "CONTRACT_TO_SIGN", "inApp": true, "push": true, "mail": false }])),
        types(json!([{ "type": "MESSAGE_RECEIVED", "inApp": true, "push": true, "mail": true }])),
        types(vec![choice.clone(); 201].into()),
        hours(22, 22),
        hours(22, 24),
        hours(-1, 7),
        json!({ "types": [] }),
        json!({ "quietHours": bare["quietHours"], "types": [], "channels": [] }),
    ] {
        nurse.put(PREFERENCES, refused).await.expect_error(400, "INVALID_REQUEST");
    }
    // Two at once are one after the other.
    let both = futures_util::future::join(
        nurse.put(PREFERENCES, types(json!([choice]))),
        nurse.put(PREFERENCES, types(json!([choice]))),
    );
    let (one, other) = both.await;
    assert_eq!(one.expect(200), other.expect(200));
    world.end().await;
}

#[tokio::test]
async fn each_channel_can_be_switched_off_alone() {
    let mut pushing = Pushing::start().await;
    let nurse = pushing.nurse.clone();
    let mails = |pushing: &Pushing| {
        letters(&pushing.world).iter().filter(|letter| letter.to == "zoe@example.org").count()
    };
    let count = |nurse: Client| async move {
        nurse.get("/api/v1/notifications/unread-count").await.expect(200)["unread"].as_i64().unwrap()
    };
    pushing.subscribe(&nurse).await;
    let mut told = (0, 0, 0);
    for (channel, adds) in [("inApp", (0, 1, 1)), ("push", (1, 0, 1)), ("mail", (1, 1, 0))] {
        nurse
            .put(PREFERENCES, json!({ "quietHours": { "enabled": true, "from": 22, "to": 7 }, "types": [] }))
            .await
            .expect(200);
        nurse
            .put(PREFERENCES, with(&nurse, "MISSION_INVITATION", json!({ (channel): false })).await)
            .await
            .expect(200);
        pushing.invite("HIGH").await;
        told = (told.0 + adds.0, told.1 + adds.1, told.2 + adds.2);
        let now = (count(nurse.clone()).await, pushing.service.pushes(), mails(&pushing));
        assert_eq!(now, told, "without {channel}");
        let listed = nurse.get("/api/v1/notifications").await.expect(200)["items"].as_array().unwrap().len();
        assert_eq!(listed as i64, told.0);
        assert_counted(&pushing.world).await;
    }
    pushing.pass(Duration::HOUR).await;
    assert_eq!((pushing.service.pushes(), mails(&pushing)), (told.1, told.2), "nothing comes late");
    pushing.world.end().await;
}

#[tokio::test]
async fn a_mail_is_a_fallback_for_what_stays_unread() {
    let mut pushing = Pushing::start().await;
    let path = pushing.invite("HIGH").await;
    let about = |pushing: &Pushing| {
        let letters = letters(&pushing.world).into_iter();
        letters
            .filter(|letter| letter.to == "lilas@example.org")
            .map(|letter| letter.subject)
            .collect::<Vec<_>>()
    };
    let apply = async |pushing: &Pushing, name: &str| {
        let talent = pushing.world.nurse(name, 90.0).await;
        let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
        talent.post(&format!("{path}/apply"), letter).await.expect(201);
        pushing.world.drain().await;
    };
    apply(&pushing, "first").await;
    assert_eq!(about(&pushing).len(), 0);
    pushing.pass(Duration::minutes(14)).await;
    assert_eq!(about(&pushing).len(), 0);
    pushing.pass(Duration::minutes(1)).await;
    assert_eq!(about(&pushing).len(), 1, "unread for a quarter of an hour");

    apply(&pushing, "second").await;
    pushing.client.act("/api/v1/notifications/mark-all-read").await.expect(200);
    pushing.pass(Duration::minutes(16)).await;
    assert_eq!(about(&pushing).len(), 1, "it was read");

    // One of them takes the place of the other; the mail is one, too.
    apply(&pushing, "third").await;
    apply(&pushing, "fourth").await;
    pushing.pass(Duration::minutes(16)).await;
    assert_eq!(about(&pushing).len(), 2, "{:?}", about(&pushing));

    // Nobody offers anything any more by then.
    let (talent, other) = (pushing.world.nurse("undecided", 90.0).await, pushing.invite("HIGH").await);
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
    talent.post(&format!("{other}/apply"), letter).await.expect(201);
    pushing.world.drain().await;
    let page = talent.get("/api/v1/me/applications").await.expect(200);
    let own = format!("/api/v1/applications/{}/withdraw", page["items"][0]["id"].as_str().unwrap());
    talent.act(&own).await.expect(200);
    pushing.pass(Duration::minutes(16)).await;
    assert_eq!(about(&pushing).len(), 2, "{:?}", about(&pushing));

    // Who sees neither the app nor pushes of a type is mailed at once.
    let alone = with(&pushing.client, "APPLICATION_RECEIVED", json!({ "inApp": false, "push": false })).await;
    pushing.client.put(PREFERENCES, alone).await.expect(200);
    apply(&pushing, "fifth").await;
    assert_eq!(about(&pushing).len(), 3);
    assert_counted(&pushing.world).await;
    pushing.world.end().await;
}
