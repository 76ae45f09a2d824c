//! Accounts and sessions.

use domain::account::Account;
use domain::ids::{SessionId, UserId};
use domain::sessions::{self, NewSession, Rotation};
use domain::users::{self, NewUser, User};
use domain::{Tx, network};
use jobs::effects;
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::edge::ClientAddress;
use crate::error::{ApiError, ApiResult};
use crate::establishments::EstablishmentView;
use crate::guard::{Anyone, Auth};
use crate::password::Verdict;
use crate::profiles::ProfileView;
use crate::token::REFRESH_LIFETIME;
use crate::wire::{self, ClientType, Role, Status, Text};

#[derive(Debug)]
pub struct AuthApi;

/// A new account. ADMIN cannot be asked for.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct Registration {
    /// Not case-sensitive.
    email: wire::Email,
    #[oai(validator(min_length = 8, max_length = 128))]
    password: Text,
    role: Role,
    phone: Option<wire::Phone>,
    #[oai(validator(min_length = 1, max_length = 80))]
    first_name: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 80))]
    last_name: Option<Text>,
    client_type: Option<ClientType>,
    /// Creates the client's first establishment.
    #[oai(validator(min_length = 1, max_length = 120))]
    establishment_name: Option<Text>,
    /// Referral code of who recommended SocioPulse.
    #[oai(validator(min_length = 8, max_length = 8))]
    referrer_code: Option<Text>,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Credentials {
    #[oai(validator(min_length = 1, max_length = 254))]
    email: Text,
    #[oai(validator(min_length = 1, max_length = 128))]
    password: Text,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct RefreshToken {
    #[oai(validator(min_length = 1, max_length = 200))]
    refresh_token: Text,
}

/// Tokens of a session and who it belongs to.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct SessionView {
    /// For the `Authorization` header; lives for 15 minutes.
    #[oai(validator(max_length = 2000))]
    access_token: String,
    /// For `auth/refresh`, once; lives for 7 days.
    #[oai(validator(max_length = 200))]
    refresh_token: String,
    user: SessionUser,
}

#[derive(Debug, Object)]
struct SessionUser {
    id: Uuid,
    #[oai(validator(max_length = 254))]
    email: String,
    role: Role,
    status: Status,
}

/// The caller's own account.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct Me {
    id: Uuid,
    #[oai(validator(max_length = 254))]
    email: String,
    #[oai(validator(max_length = 20))]
    phone: Option<String>,
    role: Role,
    status: Status,
    /// Sum of the points log.
    points: i32,
    #[oai(validator(max_length = 8))]
    referral_code: String,
    #[oai(validator(max_items = 50, max_length = 60))]
    tags: Vec<String>,
    profile: ProfileView,
    establishment: Option<EstablishmentView>,
    created_at: OffsetDateTime,
    #[oai(validator(max_length = 2))]
    locale: String,
    is_email_verified: bool,
    /// The address that is to come, until both the old and the new one have confirmed.
    #[oai(validator(max_length = 254))]
    pending_email: Option<String>,
}

impl From<Account> for Me {
    fn from(account: Account) -> Self {
        Self {
            id: account.viewer.user.0,
            email: account.email,
            phone: account.phone,
            role: account.viewer.role.into(),
            status: account.viewer.status.into(),
            points: account.points,
            referral_code: account.referral_code,
            tags: account.tags,
            profile: account.profile.into(),
            establishment: account.establishment.map(Into::into),
            created_at: account.created_at,
            locale: account.locale,
            is_email_verified: account.email_verified,
            pending_email: account.pending_email,
        }
    }
}

#[derive(ApiResponse)]
enum Registered {
    /// Registered and signed in
    #[oai(status = 201)]
    Created(Json<SessionView>),
}

#[derive(ApiResponse)]
enum SignedOut {
    /// The session has ended
    #[oai(status = 204)]
    Done,
}

const WRONG: ApiError =
    ApiError::Unauthorized { code: "INVALID_CREDENTIALS", message: "E-mail or password is wrong" };

#[OpenApi(prefix_path = "/api/v1/auth", tag = "wire::Tag::Auth")]
impl AuthApi {
    /// Register
    ///
    /// The account is PENDING until an admin has verified it, and is signed in already. A taken address is 409, an unknown referral
    /// code 400; nobody registers as an admin.
    #[oai(path = "/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        request: &Request,
        app: Data<&App>,
        body: Json<Registration>,
    ) -> ApiResult<Registered> {
        let body = body.0;
        if body.role == Role::Admin {
            return Err(ApiError::invalid("role", "must be CLIENT or TALENT"));
        }
        let password_hash = app.passwords.hash(body.password.0).await.map_err(ApiError::Internal)?;
        let new = NewUser {
            email: body.email.0,
            password_hash,
            role: body.role.into(),
            status: users::Status::Pending,
            client_type: body.client_type.map(Into::into),
            phone: body.phone.map(Into::into),
            first_name: body.first_name.map(Into::into),
            last_name: body.last_name.map(Into::into),
            establishment_name: body.establishment_name.map(Into::into),
            referrer_code: body.referrer_code.map(Into::into),
        };
        let mut tx = app.db.begin().await?;
        let user = users::insert(&mut tx, new, app.clock.now()).await?;
        effects::accounts::email_unverified(&mut tx, user.id).await?;
        effects::growth::registered(&mut tx, user.id).await?;
        Ok(Registered::Created(Json(open_session(&app, tx, request, user).await?)))
    }

    /// Sign in
    ///
    /// One answer for an unknown address and for a wrong password. Failures count per account: 5 in a quarter of an hour, then 429.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        request: &Request,
        app: Data<&App>,
        body: Json<Credentials>,
    ) -> ApiResult<Json<SessionView>> {
        let network = address(request).and_then(|address| network::neighbourhood(&address));
        let mut conn = app.db.conn().await?;
        let user = users::find_by_email(&mut conn, body.email.as_ref()).await?;
        let account = user.as_ref().map(|user| user.id);
        let is_known = users::is_known_at(&mut conn, account, network.as_deref()).await?;
        drop(conn);
        let pseudonym = app.tokens.pseudonym(&users::normalise_email(body.email.as_ref()));
        let attempt = app.limiter.attempt(&pseudonym, network.as_deref().filter(|_| is_known)).await?;
        let stored = user.as_ref().and_then(User::usable_hash).map(str::to_owned);
        // An unknown address costs the same work and gets the same answer as a wrong password.
        let verdict = app.passwords.verify(body.0.password.0, stored).await.map_err(ApiError::Internal)?;
        let (Some(user), true) = (user, verdict != Verdict::Wrong) else { return Err(WRONG) };
        app.limiter.forgive(attempt).await;
        if user.status == users::Status::Banned {
            return Err(ApiError::Forbidden { code: "ACCOUNT_BANNED", message: "This account is banned" });
        }
        let mut tx = app.db.begin().await?;
        if let Verdict::Rehashed(hash) = verdict {
            users::set_password_hash(&mut tx, user.id, &hash).await?;
        }
        let is_new = sessions::is_new_device(&mut tx, user.id, user_agent(request).as_deref()).await?;
        let (session, now) = (insert_session(&app, &mut tx, request, user.id).await?, app.clock.now());
        if is_new {
            effects::accounts::signed_in_from_new_device(&mut tx, user.id, session).await?;
        }
        tx.commit().await?;
        Ok(Json(session_view(&app, session, 0, user, now)))
    }

    /// Exchange a refresh token
    ///
    /// Each token has one successor. The same token again within 10 seconds gets the same answer; later it is a theft, and
    /// the session ends.
    #[oai(path = "/refresh", method = "post", operation_id = "refreshSession")]
    async fn refresh_session(
        &self,
        app: Data<&App>,
        body: Json<RefreshToken>,
    ) -> ApiResult<Json<SessionView>> {
        const REFUSED: ApiError =
            ApiError::Unauthorized { code: "REFRESH_REFUSED", message: "Sign in again" };
        let Ok((session, generation)) = app.tokens.verify_refresh(body.refresh_token.as_ref()) else {
            return Err(REFUSED);
        };
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        match sessions::rotate(&mut tx, session, generation, now, now + REFRESH_LIFETIME).await? {
            Rotation::Rotated { user, generation } => {
                let user = users::get(&mut tx, user).await?;
                tx.commit().await?;
                Ok(Json(session_view(&app, session, generation, user, now)))
            }
            Rotation::Reused { user } => {
                effects::accounts::refresh_token_reused(&mut tx, user).await?;
                tx.commit().await?;
                Err(REFUSED)
            }
            Rotation::Unknown => Err(REFUSED),
        }
    }

    /// End this session
    ///
    /// Access and refresh token of the session stop working at once, and its live connections are closed.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, app: Data<&App>, caller: Auth<Anyone>) -> ApiResult<SignedOut> {
        let mut tx = app.db.begin().await?;
        sessions::revoke(&mut tx, caller.0.user, caller.0.session, app.clock.now()).await?;
        tx.commit().await?;
        Ok(SignedOut::Done)
    }

    /// Who am I
    ///
    /// The account with its profile and, for a client, its establishment; suspended accounts may ask too.
    #[oai(path = "/me", method = "get", operation_id = "getMe")]
    async fn get_me(&self, caller: Auth<Anyone, Account>) -> ApiResult<Json<Me>> {
        Ok(Json(caller.0.into()))
    }
}

/// The client's address, where it is known.
pub fn address(request: &Request) -> Option<String> {
    request.data::<ClientAddress>().map(|address| address.0.clone())
}

/// What the client says it is.
pub fn user_agent(request: &Request) -> Option<String> {
    request.header("user-agent").map(|agent| agent.chars().filter(|c| !c.is_control()).take(300).collect())
}

async fn insert_session(app: &App, tx: &mut Tx, request: &Request, user: UserId) -> ApiResult<SessionId> {
    let now = app.clock.now();
    let new = NewSession {
        user,
        user_agent: user_agent(request),
        ip: address(request),
        expires_at: now + REFRESH_LIFETIME,
    };
    Ok(sessions::insert(tx, new, now).await?)
}

/// Opens a session, commits, and answers with its tokens.
pub async fn open_session(app: &App, mut tx: Tx, request: &Request, user: User) -> ApiResult<SessionView> {
    let session = insert_session(app, &mut tx, request, user.id).await?;
    tx.commit().await?;
    Ok(session_view(app, session, 0, user, app.clock.now()))
}

fn session_view(
    app: &App,
    session: SessionId,
    generation: i32,
    user: User,
    now: OffsetDateTime,
) -> SessionView {
    let id: UserId = user.id;
    SessionView {
        access_token: app.tokens.access(id, session, now),
        refresh_token: app.tokens.refresh(session, generation),
        user: SessionUser { id: id.0, email: user.email, role: user.role.into(), status: user.status.into() },
    }
}
