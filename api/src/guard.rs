//! Who may call an operation, as a type in its signature. A guard that cannot decide refuses.

use std::marker::PhantomData;

use domain::account::{self, Account};
use domain::ids::SessionId;
use domain::sessions::{self, Viewer};
use domain::users::{Role, Status};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::App;
use crate::error::ApiError;
use crate::idempotency::AtTheDoor;
use crate::token::{Claims, TokenError};

/// The signed-in caller, admitted by a rule; `V` is what is read of the caller in the same statement as the session.
#[derive(Debug)]
pub struct Auth<R, V = Viewer>(pub V, PhantomData<R>);

/// What can be read of a living session, and of no other.
pub trait View: Sized + Send {
    fn find(
        conn: &mut PgConnection,
        session: SessionId,
        now: OffsetDateTime,
    ) -> impl Future<Output = domain::Result<Option<Self>>> + Send;

    fn viewer(&self) -> &Viewer;

    /// The view, where it is no more than who asks.
    fn known(_: &Viewer) -> Option<Self> {
        None
    }
}

impl View for Viewer {
    async fn find(
        conn: &mut PgConnection,
        session: SessionId,
        now: OffsetDateTime,
    ) -> domain::Result<Option<Self>> {
        sessions::find_viewer(conn, session, now).await
    }

    fn viewer(&self) -> &Viewer {
        self
    }

    fn known(viewer: &Viewer) -> Option<Self> {
        Some(*viewer)
    }
}

impl View for Account {
    async fn find(
        conn: &mut PgConnection,
        session: SessionId,
        now: OffsetDateTime,
    ) -> domain::Result<Option<Self>> {
        account::find(conn, session, now).await
    }

    fn viewer(&self) -> &Viewer {
        &self.viewer
    }
}

/// Decides from the caller's role and status, as they are in the database at this moment.
pub trait Rule {
    fn admit(viewer: &Viewer) -> Result<(), ApiError>;
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $test:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Rule for $name {
            fn admit(viewer: &Viewer) -> Result<(), ApiError> {
                let test: fn(&Viewer) -> bool = $test;
                if test(viewer) { Ok(()) } else { Err(refusal(viewer)) }
            }
        }
    )+};
}

rules! {
    /// Any living session, also of a suspended account: what is one's own may be read.
    Anyone = |_| true;
    /// Any living session of an account that is not suspended.
    Active = |viewer| viewer.status != Status::Suspended;
    ActiveClient = |viewer| viewer.role == Role::Client && viewer.status != Status::Suspended;
    ActiveTalent = |viewer| viewer.role == Role::Talent && viewer.status != Status::Suspended;
    VerifiedTalent = |viewer| viewer.role == Role::Talent && viewer.status == Status::Verified;
    /// A verified client, or an admin.
    VerifiedClient = |viewer| viewer.is_admin() || viewer.role == Role::Client && viewer.status == Status::Verified;
    /// A verified client, and nobody in its name.
    Buyer = |viewer| viewer.role == Role::Client && viewer.status == Status::Verified;
    /// Clients and admins.
    ClientSide = |viewer| matches!(viewer.role, Role::Client | Role::Admin);
    AnyTalent = |viewer| viewer.role == Role::Talent;
    AdminOnly = |viewer| viewer.is_admin() && viewer.status == Status::Verified;
}

pub const ROLE_NOT_ALLOWED: ApiError =
    ApiError::Forbidden { code: "ROLE_NOT_ALLOWED", message: "Your role may not do this" };

pub const SESSION_ENDED: ApiError =
    ApiError::Unauthorized { code: "SESSION_ENDED", message: "This session has ended; sign in again" };

fn refusal(viewer: &Viewer) -> ApiError {
    match viewer.status {
        Status::Suspended => {
            ApiError::Forbidden { code: "ACCOUNT_SUSPENDED", message: "This account is suspended" }
        }
        Status::Pending | Status::PendingInvite | Status::Invited => ApiError::Forbidden {
            code: "ACCOUNT_NOT_VERIFIED",
            message: "This needs another role or a verified account",
        },
        Status::Verified | Status::Banned => ROLE_NOT_ALLOWED,
    }
}

/// What the edge found in the `Authorization` header, before any rule was asked.
pub type Bearer = Option<Result<Claims, TokenError>>;

/// The living session behind a token's claims.
pub async fn viewer(app: &App, bearer: &Bearer) -> Result<Viewer, ApiError> {
    view(app, bearer).await
}

async fn view<V: View>(app: &App, bearer: &Bearer) -> Result<V, ApiError> {
    let unauthorized = |code, message| Err(ApiError::Unauthorized { code, message });
    let claims = match bearer {
        None => return unauthorized("TOKEN_MISSING", "Sign in first"),
        Some(Err(TokenError::Invalid)) => return unauthorized("TOKEN_INVALID", "This token is not valid"),
        Some(Err(TokenError::Expired)) => {
            return unauthorized("TOKEN_EXPIRED", "This token has expired; refresh it");
        }
        Some(Ok(claims)) => claims,
    };
    let found = V::find(&mut *app.db.conn().await?, claims.sid, app.clock.now()).await?;
    match found {
        Some(view) if view.viewer().user == claims.sub => Ok(view),
        _ => Err(SESSION_ENDED),
    }
}

const SCHEME: &str = "bearer";

impl<'a, R: Rule + Send, V: View> ApiExtractor<'a> for Auth<R, V> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some("The accessToken of register, login or refresh; it lives for 15 minutes."),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let misrouted = || ApiError::Internal("a guarded operation outside the edge".into());
        let app = request.data::<App>().ok_or_else(misrouted)?;
        let bearer = request.data::<Bearer>().ok_or_else(misrouted)?;
        // A request with an Idempotency-Key was looked up before.
        let view: V = match request.data::<Viewer>().and_then(V::known) {
            Some(known) => known,
            None => view(app, bearer).await?,
        };
        R::admit(view.viewer()).map_err(|refusal| {
            let mut refusal = poem::Error::from(refusal);
            refusal.set_data(AtTheDoor);
            refusal
        })?;
        Ok(Self(view, PhantomData))
    }
}
