//! Who may do what: every operation by role, in one table. An operation without a row fails the test.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use tests::Client;

use crate::market::{BOOKINGS, JOIN, SERVICES, offer};
use crate::world::{World, mission, rfc3339};

/// How to ask, and the status for each of [`WHO`].
type Row = (Method, String, Option<Value>, [u16; 10]);

/// Who asks, in the order of a row's statuses.
const WHO: [&str; 10] = [
    "anonymous",
    "pending client",
    "other client",
    "owner",
    "pending talent",
    "invited talent",
    "other talent",
    "suspended client",
    "banned client",
    "admin",
];

#[tokio::test]
async fn every_operation_has_its_answer_for_every_role() {
    let world = World::new().await;
    let owner = world.client("owner").await;
    let talent = world.nurse("talent", 1.0).await;
    let pending_talent = world.pending("pending-talent", "TALENT").await;
    let suspended = world.client("suspended").await;
    world.set_status(&suspended, "SUSPENDED").await;
    let banned = world.client("banned").await;
    world.set_status(&banned, "BANNED").await;
    let posted = owner.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    let people: [Client; 10] = [
        world.anonymous(),
        world.pending("pending", "CLIENT").await,
        world.client("other").await,
        owner.clone(),
        pending_talent.clone(),
        talent.clone(),
        // Verified and near, but there too late to be invited.
        world.nurse("other-talent", 2.0).await,
        suspended,
        banned,
        world.admin().await,
    ];
    let invitation = talent.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();

    let id = |value: &Value| value.as_str().unwrap().to_owned();
    // One of the next week, which the same talent has: there is a contract, and a quote beside it.
    let assigned = crate::contracts::assigned(&world, &owner, &talent, crate::contracts::weekday()).await;
    let briefing = json!({ "content": "Badge à l’accueil." });
    owner.post(&format!("/api/v1/missions/{assigned}/instructions"), briefing).await.expect(201);
    let contract = crate::contracts::newest(&owner).await;
    assert_eq!(owner.get(&contract).await.expect(200)["missionId"], assigned.as_str());
    let quoted = |client: uuid::Uuid| json!({ "clientId": client, "title": "Atelier", "lines": [{ "description": "Séance", "quantityMilli": 1000, "unit": "h", "unitPriceCents": 4500, "vatBps": 0 }] });
    let draft = talent.post("/api/v1/quotes", quoted(owner.id.parse().unwrap())).await.expect(201);
    let draft = format!("/api/v1/quotes/{}", id(&draft["id"]));
    let quote = talent.post("/api/v1/quotes", quoted(owner.id.parse().unwrap())).await.expect(201);
    let quote = format!("/api/v1/quotes/{}", id(&quote["id"]));
    talent.act(&format!("{quote}/send")).await.expect(200);
    let missions = "/api/v1/matching/missions";
    let mission_path = format!("{missions}/{}", id(&posted["id"]));
    let conversation = format!("/api/v1/conversations/{}/messages", id(&posted["conversationId"]));
    let message = owner.post(&conversation, json!({ "content": "Bonjour" })).await.expect(201)["id"].clone();
    let invitation = format!("/api/v1/invitations/{}", id(&invitation));
    let user = format!("/api/v1/admin/users/{}", talent.id);
    let site = owner.get("/api/v1/me/establishment").await.expect(200);
    let members = format!("/api/v1/establishments/{}/members", id(&site["id"]));
    let service = talent.post(SERVICES, offer()).await.expect(201)["id"].clone();
    let in_a_month = rfc3339(world.clock.now() + time::Duration::days(30));
    let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": in_a_month });
    let service = format!("{SERVICES}/{}", id(&service));
    let booking = id(&owner.post(BOOKINGS, request).await.expect(201)["id"]);
    let nobody = uuid::Uuid::now_v7();
    let invoice = crate::invoices::issued(&world, &talent, &owner, "payment").await;
    let invoice = format!("/api/v1/invoices/{}", invoice.id);
    world.drain().await;
    // Bodies that the public routes refuse: this table is about doors, not about what is behind them.
    let none = || json!({});

    #[rustfmt::skip]
    let table: BTreeMap<&str, Row> = [
        // operation                (method, path, body,                                anon pend othr ownr pdTa invT othT susp bann admn)
        ("register",              (Method::POST, "/api/v1/auth/register".into(), Some(none()),  [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("login",                 (Method::POST, "/api/v1/auth/login".into(), Some(none()),     [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("refreshSession",        (Method::POST, "/api/v1/auth/refresh".into(), Some(none()),   [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("getMe",                 (Method::GET, "/api/v1/auth/me".into(), None,                 [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("listProfessions",       (Method::GET, "/api/v1/jobs".into(), None,                    [200, 200, 200, 200, 200, 200, 200, 200, 200, 200])),
        ("getMyProfile",          (Method::GET, "/api/v1/me/profile".into(), None,              [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("updateMyProfile",       (Method::PATCH, "/api/v1/me/profile".into(), Some(none()),    [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("getMyEstablishment",    (Method::GET, "/api/v1/me/establishment".into(), None,        [401, 200, 200, 200, 403, 403, 403, 200, 401, 404])),
        ("updateMyEstablishment", (Method::PATCH, "/api/v1/me/establishment".into(), Some(none()), [401, 200, 200, 200, 403, 403, 403, 403, 401, 403])),
        ("getTalent",             (Method::GET, format!("/api/v1/talents/{}", talent.id), None, [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("createMission",         (Method::POST, missions.into(), Some(mission()),              [401, 403, 201, 201, 403, 403, 403, 403, 401, 201])),
        ("listMissions",          (Method::GET, missions.into(), None,                          [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("getMission",            (Method::GET, mission_path.clone(), None,                     [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("listMatches",           (Method::GET, format!("{mission_path}/matches"), None,        [401, 403, 403, 200, 403, 403, 403, 403, 401, 200])),
        ("listCandidates",        (Method::GET, format!("{mission_path}/candidates"), None,     [401, 403, 403, 200, 403, 403, 403, 403, 401, 200])),
        ("listMyInvitations",     (Method::GET, "/api/v1/me/invitations".into(), None,          [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("acceptInvitation",      (Method::POST, format!("{invitation}/accept"), None,          [401, 403, 403, 403, 403, 200, 404, 403, 401, 403])),
        ("declineInvitation",     (Method::POST, format!("{invitation}/decline"), None,         [401, 403, 403, 403, 403, 409, 404, 403, 401, 403])),
        ("listConversations",     (Method::GET, "/api/v1/conversations".into(), None,           [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("openConversation",      (Method::POST, "/api/v1/conversations".into(), Some(json!({ "missionId": posted["id"], "talentId": talent.id })), [401, 403, 403, 201, 400, 400, 400, 403, 401, 403])),
        ("sendMessage",           (Method::POST, conversation.clone(), Some(json!({ "content": "Bonjour" })), [401, 403, 403, 201, 403, 201, 403, 403, 401, 403])),
        ("markConversationRead",  (Method::POST, conversation.replace("/messages", "/read"), Some(json!({ "seq": 1 })), [401, 403, 403, 204, 403, 204, 403, 403, 401, 403])),
        ("reportMessage",         (Method::POST, conversation.replace("/messages", "/report"), Some(json!({ "messageId": message, "reason": "Il nomme une résidente." })), [401, 403, 403, 403, 403, 201, 403, 403, 401, 403])),
        ("listMessages",          (Method::GET, conversation, None,                             [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("validateUser",          (Method::PATCH, format!("{user}/validate"), None,             [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("setCompliance",         (Method::PATCH, format!("{user}/compliance"), Some(json!({ "status": "VALIDATED" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("listJobs",              (Method::GET, "/api/v1/admin/jobs".into(), None,              [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("retryJob",              (Method::POST, format!("/api/v1/admin/jobs/{nobody}/retry"), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("listMailSuppressions",  (Method::GET, "/api/v1/admin/mail-suppressions".into(), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("liftMailSuppression",   (Method::POST, format!("/api/v1/admin/mail-suppressions/{nobody}/lift"), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("listQueues",            (Method::GET, "/api/v1/admin/queues".into(), None,            [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("listSessions",          (Method::GET, "/api/v1/auth/sessions".into(), None,           [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("endSession",            (Method::DELETE, format!("/api/v1/auth/sessions/{nobody}"), None, [401, 404, 404, 404, 404, 404, 404, 404, 401, 404])),
        ("updateMe",              (Method::PATCH, "/api/v1/me".into(), Some(none()),            [401, 200, 200, 200, 200, 200, 200, 403, 401, 200])),
        ("verifyEmail",           (Method::POST, "/api/v1/auth/verify-email".into(), Some(none()), [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("resendVerification",    (Method::POST, "/api/v1/auth/verify-email/resend".into(), None, [401, 202, 202, 202, 202, 202, 202, 202, 401, 202])),
        ("forgotPassword",        (Method::POST, "/api/v1/auth/forgot-password".into(), Some(none()), [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("resetPassword",         (Method::POST, "/api/v1/auth/reset-password".into(), Some(none()), [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("changePassword",        (Method::POST, "/api/v1/auth/change-password".into(), Some(none()), [401, 400, 400, 400, 400, 400, 400, 403, 401, 400])),
        ("acceptInvite",          (Method::POST, "/api/v1/auth/accept-invite".into(), Some(none()), [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("listMembers",           (Method::GET, members.clone(), None,                          [401, 403, 403, 200, 403, 403, 403, 403, 401, 403])),
        ("inviteMember",          (Method::POST, members.clone(), Some(json!({ "email": "new@example.org", "role": "VIEWER" })), [401, 403, 403, 201, 403, 403, 403, 403, 401, 403])),
        ("updateMember",          (Method::PATCH, format!("{members}/{nobody}"), Some(json!({ "role": "VIEWER" })), [401, 403, 403, 404, 403, 403, 403, 403, 401, 403])),
        ("removeMember",          (Method::DELETE, format!("{members}/{nobody}"), None,         [401, 403, 403, 404, 403, 403, 403, 403, 401, 403])),
        ("suspendUser",           (Method::PATCH, format!("/api/v1/admin/users/{nobody}/suspend"), Some(json!({ "reason": "x" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("banUser",               (Method::PATCH, format!("/api/v1/admin/users/{nobody}/ban"), Some(json!({ "reason": "x" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("unbanUser",             (Method::PATCH, format!("/api/v1/admin/users/{nobody}/unban"), Some(json!({ "reason": "x" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("listNotifications",     (Method::GET, "/api/v1/notifications".into(), None,           [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("countUnreadNotifications", (Method::GET, "/api/v1/notifications/unread-count".into(), None, [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("readNotification",      (Method::POST, format!("/api/v1/notifications/{nobody}/read"), None, [401, 404, 404, 404, 404, 404, 404, 404, 401, 404])),
        ("unsubscribeFromMails",  (Method::POST, "/api/v1/notifications/unsubscribe?token=x".into(), None, [400, 400, 400, 400, 400, 400, 400, 400, 400, 400])),
        ("readAllNotifications",  (Method::POST, "/api/v1/notifications/mark-all-read".into(), None, [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("getNotificationPreferences", (Method::GET, "/api/v1/notifications/preferences".into(), None, [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("replaceNotificationPreferences", (Method::PUT, "/api/v1/notifications/preferences".into(), Some(json!({ "quietHours": { "enabled": true, "from": 22, "to": 7 }, "types": [] })), [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("getPushPublicKey",      (Method::GET, "/api/v1/notifications/push/public-key".into(), None, [401, 503, 503, 503, 503, 503, 503, 503, 401, 503])),
        ("subscribeToPush",       (Method::POST, "/api/v1/notifications/push-subscriptions".into(), Some(json!({ "fcmToken": "x" })), [401, 503, 503, 503, 503, 503, 503, 503, 401, 503])),
        ("unsubscribeFromPush",   (Method::DELETE, "/api/v1/notifications/push-subscriptions?endpoint=x".into(), None, [401, 204, 204, 204, 204, 204, 204, 204, 401, 204])),
        ("createBookingIntent",   (Method::POST, format!("/api/v1/payments/bookings/{nobody}/intent"), None, [401, 503, 503, 503, 403, 403, 403, 403, 401, 403])),
        ("createMissionIntent",   (Method::POST, format!("/api/v1/payments/missions/{nobody}/intent"), None, [401, 503, 503, 503, 403, 403, 403, 403, 401, 403])),
        ("createContractIntent",  (Method::POST, format!("/api/v1/payments/contracts/{nobody}/intent"), None, [401, 503, 503, 503, 403, 403, 403, 403, 401, 403])),
        ("getPayment",            (Method::GET, format!("/api/v1/payments/{nobody}"), None,     [401, 404, 404, 404, 404, 404, 404, 404, 401, 404])),
        ("refundPayment",         (Method::POST, format!("/api/v1/payments/{nobody}/refund"), Some(json!({ "reason": "x" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 503])),
        ("startOnboarding",       (Method::POST, "/api/v1/payments/connect/onboarding".into(), None, [401, 403, 403, 403, 503, 503, 503, 403, 401, 403])),
        ("getConnectStatus",      (Method::GET, "/api/v1/payments/connect/status".into(), None, [401, 403, 403, 403, 503, 503, 503, 403, 401, 403])),
        ("getMyBalance",          (Method::GET, "/api/v1/me/balance".into(), None,              [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("listMyTransactions",    (Method::GET, "/api/v1/me/transactions".into(), None,         [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("deferMissionPayment",   (Method::POST, format!("/api/v1/payments/missions/{nobody}/chorus"), Some(none()), [401, 503, 503, 503, 403, 403, 403, 403, 401, 403])),
        ("deferContractPayment",  (Method::POST, format!("/api/v1/payments/contracts/{nobody}/chorus"), Some(none()), [401, 503, 503, 503, 403, 403, 403, 403, 401, 403])),
        ("getChorusSubmission",   (Method::GET, format!("/api/v1/payments/{nobody}/chorus"), None, [401, 404, 404, 404, 404, 404, 404, 404, 401, 404])),
        ("setCreditLimit",        (Method::PUT, format!("/api/v1/admin/establishments/{nobody}/credit-limit"), Some(json!({ "creditLimitCents": 1 })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("receiveMailEvent",      (Method::POST, "/api/v1/mail/webhooks".into(), Some(none()), [503, 503, 503, 503, 503, 503, 503, 503, 503, 503])),
        ("listBankTransfers",     (Method::GET, "/api/v1/admin/bank-transfers".into(), None,    [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("confirmBankTransfer",   (Method::POST, format!("/api/v1/admin/bank-transfers/{nobody}/made"), Some(json!({ "reference": "VIR-1" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("listRefunds",           (Method::GET, "/api/v1/admin/refunds".into(), None,           [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("refundByBank",          (Method::POST, format!("/api/v1/admin/refunds/{nobody}/by-bank"), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("setUserPlan",           (Method::PATCH, format!("/api/v1/admin/users/{nobody}/plan"), Some(json!({ "plan": "BETA", "reason": "x" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("setEstablishmentPlan",  (Method::PATCH, format!("/api/v1/admin/establishments/{nobody}/plan"), Some(json!({ "plan": "BETA", "reason": "x" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("receiveStripeEvent",    (Method::POST, "/api/v1/payments/webhooks".into(), Some(none()), [503, 503, 503, 503, 503, 503, 503, 503, 503, 503])),
        ("getJob",                (Method::GET, format!("/api/v1/admin/jobs/{nobody}"), None,   [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("cancelJob",             (Method::POST, format!("/api/v1/admin/jobs/{nobody}/cancel"), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("discardJob",            (Method::POST, format!("/api/v1/admin/jobs/{nobody}/discard"), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("pauseQueue",            (Method::POST, "/api/v1/admin/queues/media/pause".into(), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("resumeQueue",           (Method::POST, "/api/v1/admin/queues/media/resume".into(), None, [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("getMyAvailability",     (Method::GET, "/api/v1/me/availability".into(), None,         [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("replaceMyAvailability", (Method::PUT, "/api/v1/me/availability".into(), Some(none()), [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("listMyExclusions",      (Method::GET, "/api/v1/me/exclusions".into(), None,           [401, 200, 200, 200, 403, 403, 403, 200, 401, 200])),
        ("excludeTalent",         (Method::PUT, format!("/api/v1/me/exclusions/{nobody}"), Some(none()), [401, 404, 404, 404, 403, 403, 403, 403, 401, 403])),
        ("readmitTalent",         (Method::DELETE, format!("/api/v1/me/exclusions/{nobody}"), None, [401, 204, 204, 204, 403, 403, 403, 403, 401, 403])),
        ("explainMatch",          (Method::GET, format!("{mission_path}/explanation?talentId={}", talent.id), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("updateMission",         (Method::PATCH, mission_path.clone(), Some(json!({ "title": "Nuit" })), [401, 403, 403, 409, 403, 403, 403, 403, 401, 409])),
        ("previewMissionChange",  (Method::POST, format!("{mission_path}/preview"), Some(json!({ "title": "Nuit" })), [401, 403, 403, 409, 403, 403, 403, 403, 401, 409])),
        ("duplicateMission",      (Method::POST, format!("{mission_path}/duplicate"), Some(json!({ "dates": [{ "startDate": mission()["startDate"] }] })), [401, 403, 403, 201, 403, 403, 403, 403, 401, 201])),
        ("getCancellationPrice",  (Method::GET, format!("{mission_path}/cancellation"), None,   [401, 403, 403, 200, 403, 403, 403, 403, 401, 200])),
        ("cancelMission",         (Method::POST, format!("{missions}/{nobody}/cancel"), Some(json!({ "reason": "…" })), [401, 403, 404, 404, 403, 403, 403, 403, 401, 404])),
        ("withdrawFromMission",   (Method::POST, format!("{missions}/{nobody}/withdraw"), Some(none()), [401, 403, 403, 403, 403, 404, 404, 403, 401, 403])),
        ("applyToMission",        (Method::POST, format!("{mission_path}/apply"), Some(json!({ "coverLetter": "…", "proposedRateCents": 2500 })), [401, 403, 403, 403, 403, 409, 409, 403, 401, 403])),
        ("listApplications",      (Method::GET, format!("{mission_path}/applications"), None,   [401, 403, 403, 200, 403, 403, 403, 403, 401, 200])),
        ("listMyApplications",    (Method::GET, "/api/v1/me/applications".into(), None,         [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("acceptApplication",     (Method::POST, format!("/api/v1/applications/{nobody}/accept"), Some(none()), [401, 403, 404, 404, 403, 403, 403, 403, 401, 404])),
        ("rejectApplication",     (Method::POST, format!("/api/v1/applications/{nobody}/reject"), None, [401, 403, 404, 404, 403, 403, 403, 403, 401, 404])),
        ("withdrawApplication",   (Method::POST, format!("/api/v1/applications/{nobody}/withdraw"), None, [401, 403, 403, 403, 404, 404, 404, 403, 401, 403])),
        ("listContacts",          (Method::GET, format!("/api/v1/missions/{}/contacts", id(&posted["id"])), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("listServices",          (Method::GET, SERVICES.into(), None,                          [200, 200, 200, 200, 200, 200, 200, 200, 200, 200])),
        ("createService",         (Method::POST, SERVICES.into(), Some(none()),                 [401, 403, 403, 403, 403, 400, 400, 403, 401, 403])),
        ("getService",            (Method::GET, service.clone(), None,                          [200, 200, 200, 200, 200, 200, 200, 200, 200, 200])),
        ("updateService",         (Method::PATCH, service.clone(), Some(none()),                [401, 403, 403, 403, 403, 200, 404, 403, 401, 403])),
        ("deleteService",         (Method::DELETE, format!("{SERVICES}/{nobody}"), None,        [401, 403, 403, 403, 404, 404, 404, 403, 401, 403])),
        ("listMyServices",        (Method::GET, "/api/v1/me/services".into(), None,             [401, 403, 403, 403, 200, 200, 200, 403, 401, 403])),
        ("createBooking",         (Method::POST, BOOKINGS.into(), Some(none()),                 [401, 403, 400, 400, 403, 403, 403, 403, 401, 403])),
        ("listBookings",          (Method::GET, BOOKINGS.into(), None,                          [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("getBooking",            (Method::GET, format!("{BOOKINGS}/{booking}"), None,          [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("acceptBooking",         (Method::POST, format!("{BOOKINGS}/{nobody}/accept"), None,   [401, 403, 403, 403, 403, 404, 404, 403, 401, 403])),
        ("refuseBooking",         (Method::POST, format!("{BOOKINGS}/{nobody}/refuse"), Some(none()), [401, 403, 403, 403, 403, 404, 404, 403, 401, 403])),
        ("getBookingCancellation", (Method::GET, format!("{BOOKINGS}/{booking}/cancellation"), None, [401, 403, 403, 200, 403, 409, 403, 403, 401, 200])),
        ("cancelBooking",         (Method::POST, format!("{BOOKINGS}/{nobody}/cancel"), Some(json!({ "reason": "…" })), [401, 404, 404, 404, 404, 404, 404, 403, 401, 404])),
        // Nobody enters a room where there is no video server, and nobody else speaks for it.
        ("joinVideoSession",      (Method::GET, format!("{JOIN}/{booking}"), None,              [401, 403, 403, 503, 403, 503, 403, 403, 401, 403])),
        ("listUpcomingVideoSessions", (Method::GET, "/api/v1/video/upcoming".into(), None,      [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("receiveVideoEvent",     (Method::POST, "/api/v1/video/webhooks".into(), Some(none()), [503, 503, 503, 503, 503, 503, 503, 503, 503, 503])),
        ("listQuotes",            (Method::GET, "/api/v1/quotes".into(), None,                  [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("createQuote",           (Method::POST, "/api/v1/quotes".into(), Some(quoted(nobody)),  [401, 403, 403, 403, 403, 403, 403, 403, 401, 403])),
        ("getQuote",              (Method::GET, quote.clone(), None,                            [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("downloadQuote",         (Method::GET, format!("{quote}/pdf"), None,                   [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("downloadContract",      (Method::GET, format!("{contract}/pdf"), None,                [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("updateQuote",           (Method::PATCH, quote.clone(), Some(json!({ "title": "Autre" })), [401, 403, 403, 403, 403, 409, 403, 403, 401, 403])),
        ("deleteQuote",           (Method::DELETE, draft.clone(), None,                         [401, 403, 403, 403, 403, 204, 404, 403, 401, 403])),
        ("sendQuote",             (Method::POST, format!("{quote}/send"), None,                 [401, 403, 403, 403, 403, 409, 403, 403, 401, 403])),
        ("acceptQuote",           (Method::POST, format!("{quote}/accept"), None,               [401, 403, 403, 200, 403, 403, 403, 403, 401, 403])),
        ("rejectQuote",           (Method::POST, format!("{quote}/reject"), Some(json!({ "reason": "Non" })), [401, 403, 403, 409, 403, 403, 403, 403, 401, 403])),
        ("reviseQuote",           (Method::POST, format!("{quote}/revise"), None,               [401, 403, 403, 403, 403, 409, 403, 403, 401, 403])),
        ("startMission",          (Method::POST, format!("/api/v1/missions/{assigned}/start"), None, [401, 403, 403, 403, 403, 409, 403, 403, 401, 403])),
        ("writeInstructions",     (Method::POST, format!("/api/v1/missions/{assigned}/instructions"), Some(json!({ "content": "Badge à l’accueil." })), [401, 403, 403, 201, 403, 403, 403, 403, 401, 201])),
        ("getInstructions",       (Method::GET, format!("/api/v1/missions/{assigned}/instructions"), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("acknowledgeInstructions", (Method::POST, format!("/api/v1/missions/{assigned}/acknowledge"), Some(json!({ "version": 2 })), [401, 403, 403, 403, 403, 409, 403, 403, 401, 403])),
        ("markChecklistItem",     (Method::PATCH, format!("/api/v1/missions/{assigned}/checklist/{nobody}"), Some(json!({ "done": true })), [401, 403, 403, 403, 403, 404, 403, 403, 401, 403])),
        ("listTimeline",          (Method::GET, format!("/api/v1/missions/{assigned}/timeline"), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("getHub",                (Method::GET, format!("/api/v1/missions/{assigned}/hub"), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("getChatStatus",         (Method::GET, format!("/api/v1/missions/{assigned}/chat-status"), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("listActiveMissions",    (Method::GET, "/api/v1/missions/active".into(), None,         [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("countActiveMissions",   (Method::GET, "/api/v1/missions/active/count".into(), None,   [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("downloadReport",        (Method::GET, format!("/api/v1/missions/{assigned}/report/pdf"), None, [401, 403, 403, 404, 403, 404, 403, 403, 401, 404])),
        ("reportMission",         (Method::POST, format!("/api/v1/missions/{assigned}/report"), Some(json!({ "content": "Tour du matin.", "minutesWorked": 480 })), [401, 403, 403, 403, 403, 409, 403, 403, 401, 403])),
        ("listReports",           (Method::GET, format!("/api/v1/missions/{assigned}/reports"), None, [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("validateReport",        (Method::POST, format!("/api/v1/missions/{assigned}/report/validate"), Some(none()), [401, 403, 403, 409, 403, 403, 403, 403, 401, 409])),
        ("contestReport",         (Method::POST, format!("/api/v1/missions/{assigned}/report/contest"), Some(json!({ "reason": "Non" })), [401, 403, 403, 409, 403, 403, 403, 403, 401, 403])),
        ("listContracts",         (Method::GET, "/api/v1/contracts".into(), None,               [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("getContract",           (Method::GET, contract.clone(), None,                         [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("listContractEvents",    (Method::GET, format!("{contract}/events"), None,             [401, 403, 403, 200, 403, 200, 403, 403, 401, 200])),
        ("cancelContract",        (Method::POST, format!("{contract}/cancel"), Some(json!({ "reason": "Non" })), [401, 403, 403, 200, 403, 409, 403, 403, 401, 403])),
        ("completeContract",      (Method::POST, format!("{contract}/complete"), None,          [401, 403, 403, 409, 403, 403, 403, 403, 401, 403])),
        ("disputeContract",       (Method::POST, format!("{contract}/dispute"), Some(json!({ "reason": "Non" })), [401, 403, 403, 409, 403, 409, 403, 403, 401, 403])),
        ("requestSignatureCode",  (Method::POST, format!("{contract}/sign/request-code"), None, [401, 403, 403, 409, 403, 409, 403, 403, 401, 403])),
        ("confirmSignature",      (Method::POST, format!("{contract}/sign/confirm"), Some(json!({ "code": "123456", "termsSha256": "0".repeat(64) })), [401, 403, 403, 409, 403, 409, 403, 403, 401, 403])),
        ("listAllContracts",      (Method::GET, "/api/v1/admin/contracts".into(), None,         [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("resolveContract",       (Method::POST, format!("/api/v1/admin/contracts/{nobody}/resolve"), Some(json!({ "resolution": "Payé" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        ("getMyBilling",          (Method::GET, "/api/v1/me/billing".into(), None,              [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("updateMyBilling",       (Method::PATCH, "/api/v1/me/billing".into(), Some(none()),    [401, 200, 200, 200, 200, 200, 200, 403, 401, 200])),
        ("listMyInvoices",        (Method::GET, "/api/v1/me/invoices".into(), None,             [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("getInvoice",            (Method::GET, invoice.clone(), None,                          [401, 404, 404, 200, 404, 200, 404, 404, 401, 200])),
        ("downloadInvoice",       (Method::GET, format!("{invoice}/pdf"), None,                 [401, 404, 404, 200, 404, 200, 404, 404, 401, 200])),
        ("downloadInvoiceXml",    (Method::GET, format!("{invoice}/xml"), None,                 [401, 404, 404, 404, 404, 404, 404, 404, 401, 404])),
        ("reviewMission",         (Method::POST, format!("/api/v1/missions/{assigned}/reviews"), Some(json!({ "rating": 5 })), [401, 403, 403, 409, 403, 409, 403, 403, 401, 403])),
        ("reviewBooking",         (Method::POST, format!("{BOOKINGS}/{booking}/reviews"), Some(json!({ "rating": 5 })), [401, 403, 403, 409, 403, 409, 403, 403, 401, 403])),
        ("answerReview",          (Method::POST, format!("/api/v1/reviews/{nobody}/response"), Some(json!({ "response": "Merci" })), [401, 404, 404, 404, 404, 404, 404, 403, 401, 404])),
        ("listTalentReviews",     (Method::GET, format!("/api/v1/talents/{}/reviews", talent.id), None, [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("listEstablishmentReviews", (Method::GET, format!("/api/v1/establishments/{}/reviews", id(&site["id"])), None, [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("listMyReviews",         (Method::GET, "/api/v1/me/reviews".into(), None,              [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("listTags",              (Method::GET, "/api/v1/growth/tags".into(), None,             [200, 200, 200, 200, 200, 200, 200, 200, 200, 200])),
        ("getMyGrowth",           (Method::GET, "/api/v1/growth/me".into(), None,               [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("replaceMyTags",         (Method::PUT, "/api/v1/growth/me/tags".into(), Some(json!({ "tags": ["fiable"] })), [401, 200, 200, 200, 200, 200, 200, 403, 401, 200])),
        ("listMyPoints",          (Method::GET, "/api/v1/growth/me/points".into(), None,        [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("listMyReferrals",       (Method::GET, "/api/v1/growth/me/referrals".into(), None,     [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("setMyLeaderboard",      (Method::PUT, "/api/v1/growth/me/leaderboard".into(), Some(json!({ "onLeaderboard": true })), [401, 200, 200, 200, 200, 200, 200, 403, 401, 200])),
        ("getLeaderboard",        (Method::GET, "/api/v1/growth/leaderboard".into(), None,      [401, 200, 200, 200, 200, 200, 200, 200, 401, 200])),
        ("adjustPoints",          (Method::POST, format!("{user}/points"), Some(json!({ "points": 5, "reason": "Geste" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 201])),
        ("setUserTags",           (Method::PATCH, format!("{user}/tags"), Some(json!({ "tags": ["fiable"] })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("listShownDocuments",    (Method::GET, "/api/v1/admin/documents".into(), None,         [401, 403, 403, 403, 403, 403, 403, 403, 401, 200])),
        ("decideDocument",        (Method::PATCH, format!("/api/v1/admin/documents/{nobody}/status"), Some(json!({ "status": "APPROVED" })), [401, 403, 403, 403, 403, 403, 403, 403, 401, 404])),
        // Last of each: they end the session, all of them after one.
        ("logout",                (Method::POST, "/api/v1/auth/logout".into(), None,            [401, 204, 204, 204, 204, 204, 204, 204, 401, 204])),
        ("logoutAll",             (Method::POST, "/api/v1/auth/logout-all".into(), None,        [401, 401, 401, 401, 401, 401, 401, 401, 401, 401])),
    ]
    .into();

    let document: Value = serde_json::from_str(include_str!("../../openapi/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let mut operations: Vec<String> = operations.map(|operation| id(&operation["operationId"])).collect();
    // The accepted invitation decides what the talent sees afterwards; sessions end last.
    operations.sort_by_key(|operation| (operation.starts_with("logout"), operation.clone()));

    let mut wrong = Vec::new();
    for operation in &operations {
        let Some((method, path, body, expected)) = table.get(operation.as_str()) else {
            wrong.push(format!("{operation} has no row"));
            continue;
        };
        for ((who, person), expected) in WHO.iter().zip(&people).zip(expected) {
            let request = person.request(method.clone(), path);
            let request = match *method == Method::POST {
                // One key for each: a guarded POST has the same answers with one as without.
                true => request.header("idempotency-key", uuid::Uuid::now_v7().to_string()),
                false => request,
            };
            let answer = person.send(match body {
                Some(body) => request.json(body),
                None => request,
            });
            let status = answer.await.status.as_u16();
            if status != *expected {
                wrong.push(format!("{operation} as {who}: {status} instead of {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(table.len(), operations.len(), "rows of operations that are gone");
    // The reminder and the end of the invitation that the owner made.
    world.clock.advance(time::Duration::days(15));
    world.end().await;
}
