//! Pushes: what a browser and an app are sent, when, and when not.

use domain::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::Client;
use tests::push_service::{Browser, Parcel, PushService, VAPID_PUBLIC_KEY};
use time::Duration;

use crate::world::{World, mission, rfc3339};

pub const DEVICES: &str = "/api/v1/notifications/push-subscriptions";
const MISSIONS: &str = "/api/v1/matching/missions";

/// A platform that pushes, a client and a nurse near by, at an hour of the day.
pub struct Pushing {
    pub world: World,
    pub service: PushService,
    pub client: Client,
    pub nurse: Client,
}

impl Pushing {
    /// At ten in Paris.
    pub async fn start() -> Self {
        Self::at(10).await
    }

    pub async fn at(hour: i8) -> Self {
        let service = PushService::start().await;
        let clock = Clock::default();
        clock.advance(domain::paris::next(hour, 0, clock.now()) - clock.now());
        let mut world = World::on_clock(clock, &service.settings()).await;
        world.start_worker_with(&[&["--worker-cron", "false"], &service.settings()[..]].concat());
        let (client, nurse) = (world.client("lilas").await, world.nurse("zoe", 1.0).await);
        Self { world, service, client, nurse }
    }

    /// A browser that this person is told on.
    pub async fn subscribe(&self, who: &Client) -> Browser {
        let browser = Browser::at(&self.service);
        who.post(DEVICES, browser.subscription()).await.expect(201);
        browser
    }

    /// In two days from now on the clock of this world.
    pub fn mission(&self) -> Value {
        let mut body = mission();
        body["startDate"] = json!(rfc3339(self.world.clock.now() + Duration::days(2)));
        body
    }

    /// A mission that the nurse is invited to; its path.
    pub async fn invite(&self, urgency: &str) -> String {
        let mut body = self.mission();
        body["urgencyLevel"] = json!(urgency);
        let client = self.world.returning(&self.client).await;
        let posted = client.post(MISSIONS, body).await.expect(201);
        self.world.drain().await;
        format!("{MISSIONS}/{}", posted["id"].as_str().unwrap())
    }

    /// Time passes, and everybody has signed in again meanwhile.
    pub async fn pass(&mut self, time: Duration) {
        self.world.clock.advance(time);
        self.client = self.world.returning(&self.client).await;
        self.nurse = self.world.returning(&self.nurse).await;
        self.world.drain().await;
    }

    async fn devices(&self) -> i64 {
        self.world.count("select count(*) from push_subscriptions").await
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    sub: Option<String>,
    iss: Option<String>,
    scope: Option<String>,
    exp: i64,
}

fn bytes(base64url: &str) -> Vec<u8> {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    BASE64_URL_SAFE_NO_PAD.decode(base64url).unwrap()
}

/// Who a push says that it is from, by a library that did not write it.
fn sender(parcel: &Parcel) -> Claims {
    let header = parcel.header("authorization").strip_prefix("vapid t=").unwrap();
    let (token, key) = header.split_once(",k=").unwrap();
    assert_eq!(key, VAPID_PUBLIC_KEY);
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_aud = false;
    decode::<Claims>(token, &DecodingKey::from_ec_der(&bytes(key)), &validation).unwrap().claims
}

#[tokio::test]
async fn an_invitation_reaches_the_browser_and_says_nothing_on_its_way() {
    let pushing = Pushing::start().await;
    let key = pushing.nurse.get("/api/v1/notifications/push/public-key").await.expect(200);
    assert_eq!(key["publicKey"], VAPID_PUBLIC_KEY);
    let browser = pushing.subscribe(&pushing.nurse).await;
    pushing.nurse.patch("/api/v1/me", json!({ "locale": "en" })).await.expect(200);
    pushing.invite("HIGH").await;
    let [(parcel, said)] = &browser.read(&pushing.service)[..] else { panic!("one push") };
    let told = pushing.nurse.get("/api/v1/notifications").await.expect(200)["items"][0].clone();
    let invitations = pushing.nurse.get("/api/v1/me/invitations").await.expect(200);
    let url =
        format!("http://127.0.0.1:3000/invitations/{}", invitations["items"][0]["id"].as_str().unwrap());
    assert_eq!(
        said,
        &json!({
            "type": "MISSION_INVITATION", "title": told["title"], "body": told["body"], "url": url,
            "notificationId": told["id"], "tag": told["id"].as_str().unwrap().replace('-', ""),
        })
    );
    assert_eq!(told["title"], "A mission for you");
    assert_eq!(parcel.header("topic"), said["tag"]);
    assert_eq!((parcel.header("urgency"), parcel.header("ttl")), ("high", "14400"));
    assert_eq!(
        (parcel.header("content-encoding"), parcel.header("content-type")),
        ("aes128gcm", "application/octet-stream")
    );
    let Claims { aud, sub, exp, .. } = sender(parcel);
    assert_eq!((aud, sub.as_deref()), (pushing.service.url.clone(), Some("mailto:ops@example.org")));
    // By the clock on the wall, whatever a story's says.
    assert!((1..=24 * 3600).contains(&(exp - Clock::default().now().unix_timestamp())));
    pushing.world.end().await;
}

#[tokio::test]
async fn each_device_is_told_and_read_means_told() {
    let pushing = Pushing::start().await;
    let (first, second) = (pushing.subscribe(&pushing.nurse).await, pushing.subscribe(&pushing.nurse).await);
    let admin = pushing.world.admin().await;
    pushing.invite("HIGH").await;
    assert_eq!((first.read(&pushing.service).len(), second.read(&pushing.service).len()), (1, 1));

    // While the pushes wait, it is read.
    admin.act("/api/v1/admin/queues/bulk/pause").await.expect(200);
    let mut tx = pushing.world.db().begin().await.unwrap();
    let new = domain::notifications::NewNotification {
        user: pushing.nurse.id.parse::<uuid::Uuid>().unwrap().into(),
        kind: domain::notifications::NotificationType::ReportValidated,
        data: json!({}),
        cause: "story".into(),
    };
    jobs::effects::notices::tell(&mut tx, &[new], pushing.world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    pushing.nurse.act("/api/v1/notifications/mark-all-read").await.expect(200);
    admin.act("/api/v1/admin/queues/bulk/resume").await.expect(200);
    pushing.world.drain().await;
    assert_eq!(pushing.service.pushes(), 2);
    pushing.world.end().await;
}

#[tokio::test]
async fn a_night_is_quiet_but_for_what_is_urgent_of_critical_missions() {
    let mut pushing = Pushing::at(23).await;
    let browser = pushing.subscribe(&pushing.nurse).await;
    let of_client = pushing.subscribe(&pushing.client).await;
    let kept = pushing.invite("HIGH").await;
    let undone = pushing.invite("HIGH").await;
    let unread = pushing.nurse.get("/api/v1/notifications/unread-count").await.expect(200);
    assert_eq!(unread["unread"], 2, "the app is never late");
    assert_eq!(pushing.service.pushes(), 0);
    let critical = pushing.invite("CRITICAL").await;
    assert_eq!(pushing.service.pushes(), 1);
    let applicant = pushing.world.nurse("applicant", 90.0).await;
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
    applicant.post(&format!("{critical}/apply"), letter).await.expect(201);
    let client = pushing.world.returning(&pushing.client).await;
    client.post(&format!("{undone}/cancel"), json!({ "reason": "Erreur" })).await.expect(200);
    pushing.world.drain().await;

    pushing.pass(Duration::hours(8) - Duration::minutes(5)).await;
    assert_eq!(pushing.service.pushes(), 1);
    pushing.pass(Duration::minutes(5)).await;
    let pushes = browser.read(&pushing.service);
    let mut told: Vec<_> =
        pushes[1..].iter().map(|(_, said)| said["type"].as_str().unwrap().to_owned()).collect();
    told.sort();
    // What is cancelled is no invitation any more. Who was only invited hears of that in the app alone.
    assert_eq!(told, ["MISSION_INVITATION"], "{kept}");
    let [(_, said)] = &of_client.read(&pushing.service)[..] else { panic!("one push") };
    assert_eq!(said["type"], "APPLICATION_RECEIVED", "it could wait");
    pushing.world.end().await;
}

#[tokio::test]
async fn who_wants_no_quiet_hours_is_told_at_night() {
    let pushing = Pushing::at(23).await;
    let mut wishes = pushing.nurse.get("/api/v1/notifications/preferences").await.expect(200);
    wishes.as_object_mut().unwrap().remove("mandatoryMails");
    wishes["quietHours"]["enabled"] = json!(false);
    pushing.nurse.put("/api/v1/notifications/preferences", wishes).await.expect(200);
    let browser = pushing.subscribe(&pushing.nurse).await;
    pushing.invite("HIGH").await;
    assert_eq!(browser.read(&pushing.service).len(), 1);
    pushing.world.end().await;
}

#[tokio::test]
async fn several_of_one_thing_are_one() {
    let pushing = Pushing::start().await;
    let browser = pushing.subscribe(&pushing.client).await;
    let path = pushing.invite("HIGH").await;
    let other = pushing.invite("HIGH").await;
    for (n, path) in [&path, &path, &other].into_iter().enumerate() {
        let talent = pushing.world.nurse(&format!("applicant-{n}"), 90.0).await;
        let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
        talent.post(&format!("{path}/apply"), letter).await.expect(201);
        pushing.world.drain().await;
    }
    let tags: Vec<_> = browser
        .read(&pushing.service)
        .into_iter()
        .map(|(parcel, _)| parcel.header("topic").to_owned())
        .collect();
    assert_eq!((tags.len(), tags[0] == tags[1], tags[0] == tags[2]), (3, true, false));
    assert!(tags.iter().all(|tag| (1..=32).contains(&tag.len())), "{tags:?}");
    let unread = pushing.client.get("/api/v1/notifications?unreadOnly=true").await.expect(200);
    assert_eq!(unread["items"].as_array().unwrap().len(), 2, "{unread}");
    assert_eq!(pushing.client.get("/api/v1/notifications/unread-count").await.expect(200)["unread"], 2);
    crate::notifications::assert_counted(&pushing.world).await;
    pushing.world.end().await;
}

#[tokio::test]
async fn a_device_that_is_gone_is_forgotten_and_one_that_fails_after_five_pushes() {
    let pushing = Pushing::start().await;
    pushing.subscribe(&pushing.nurse).await;
    pushing.service.refuse(410, None, "");
    pushing.invite("HIGH").await;
    assert_eq!((pushing.service.pushes(), pushing.devices().await), (1, 0));

    pushing.subscribe(&pushing.nurse).await;
    pushing.service.refuse(403, None, "");
    for _ in 0..4 {
        pushing.invite("HIGH").await;
    }
    pushing.service.take();
    pushing.invite("HIGH").await;
    pushing.service.refuse(400, None, "");
    for _ in 0..4 {
        pushing.invite("HIGH").await;
        assert_eq!(pushing.devices().await, 1, "one that arrived makes good for those before");
    }
    pushing.invite("HIGH").await;
    assert_eq!((pushing.service.pushes(), pushing.devices().await), (11, 0));
    pushing.world.end().await;
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_left_alone_by_all() {
    let mut pushing = Pushing::start().await;
    let browser = pushing.subscribe(&pushing.nurse).await;
    let client = pushing.subscribe(&pushing.client).await;
    pushing.service.refuse(429, Some("1200"), "");
    let path = pushing.invite("HIGH").await;
    assert_eq!(pushing.service.pushes(), 1);
    pushing.service.take();
    // Another device, and another worker.
    let settings = pushing.service.settings();
    pushing.world.start_worker_with(&[&["--worker-cron", "false"], &settings[..]].concat());
    let talent = pushing.world.nurse("applicant", 90.0).await;
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
    talent.post(&format!("{path}/apply"), letter).await.expect(201);
    pushing.world.drain().await;
    assert_eq!(pushing.service.pushes(), 1);
    pushing.pass(Duration::minutes(15)).await;
    assert_eq!(pushing.service.pushes(), 1);
    pushing.pass(Duration::minutes(5)).await;
    assert_eq!((browser.read(&pushing.service).len(), client.read(&pushing.service).len()), (2, 1));
    assert_eq!(pushing.devices().await, 2, "that a service is busy is no fault of a device");
    pushing.world.end().await;
}

#[tokio::test]
async fn who_has_signed_out_or_is_banned_is_told_nothing() {
    let pushing = Pushing::start().await;
    let browser = pushing.subscribe(&pushing.nurse).await;
    let elsewhere = pushing.world.returning(&pushing.nurse).await;
    let other = pushing.subscribe(&elsewhere).await;
    pushing.nurse.act("/api/v1/auth/logout").await.expect(204);
    pushing.invite("HIGH").await;
    assert_eq!((browser.read(&pushing.service).len(), other.read(&pushing.service).len()), (0, 1));

    // Before the job of the ban has ended any session.
    pushing.world.set_status(&elsewhere, "BANNED").await;
    let mut tx = pushing.world.db().begin().await.unwrap();
    let new = domain::notifications::NewNotification {
        user: elsewhere.id.parse::<uuid::Uuid>().unwrap().into(),
        kind: domain::notifications::NotificationType::ReportValidated,
        data: json!({}),
        cause: "story".into(),
    };
    jobs::effects::notices::tell(&mut tx, &[new], pushing.world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    pushing.world.drain().await;
    assert_eq!(pushing.service.pushes(), 1);
    pushing.world.end().await;
}

#[tokio::test]
async fn an_app_is_reached_over_fcm() {
    let pushing = Pushing::start().await;
    pushing.nurse.post(DEVICES, json!({ "fcmToken": "device-1" })).await.expect(201);
    pushing.invite("HIGH").await;
    pushing.invite("HIGH").await;
    let parcels = pushing.service.parcels();
    let [asked, first, second] = &parcels[..] else { panic!("one token for two pushes: {parcels:?}") };
    assert_eq!(asked.path, "/token");
    let form: std::collections::HashMap<String, String> =
        reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8(asked.body.clone()).unwrap()))
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[format!("{}/token", pushing.service.url)]);
    let key = DecodingKey::from_rsa_der(&pushing.service.public_key);
    let claims = decode::<Claims>(&form["assertion"], &key, &validation).unwrap().claims;
    assert_eq!(claims.iss.as_deref(), Some("push@stories.example"));
    assert_eq!(claims.scope.as_deref(), Some("https://www.googleapis.com/auth/firebase.messaging"));

    assert_eq!(
        (first.path.as_str(), first.header("authorization")),
        ("/v1/projects/stories/messages:send", "Bearer granted")
    );
    let message = &first.json()["message"];
    assert_eq!(message["token"], "device-1");
    assert_eq!(message["notification"]["title"], "Une mission pour vous");
    assert_eq!(
        (&message["android"]["priority"], &message["android"]["ttl"]),
        (&json!("HIGH"), &json!("14400s"))
    );
    assert_eq!(message["data"]["type"], "MISSION_INVITATION");
    assert_ne!(message["data"]["tag"], second.json()["message"]["data"]["tag"]);

    let gone = json!({ "error": { "code": 404, "status": "NOT_FOUND", "details": [{ "errorCode": "UNREGISTERED" }] } });
    pushing.service.refuse(404, None, &gone.to_string());
    pushing.invite("HIGH").await;
    assert_eq!(pushing.devices().await, 0);
    pushing.world.end().await;
}
