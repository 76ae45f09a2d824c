-- Who wants to be told what, how, and when; and the devices that pushes go to.

-- What differs from the defaults of a type, which stand in the program.
create table notification_preferences (
    user_id uuid    not null references users on delete cascade,
    type    text    not null check (type ~ '^[A-Z_]{1,60}$'),
    in_app  boolean not null,
    push    boolean not null,
    mail    boolean not null,
    primary key (user_id, type)
);

-- Hours of Paris in which pushes wait. Without a row: 22 to 7.
create table quiet_hours (
    user_id   uuid     primary key references users on delete cascade,
    enabled   boolean  not null,
    from_hour smallint not null check (from_hour between 0 and 23),
    to_hour   smallint not null check (to_hour between 0 and 23),
    constraint quiet_hours_have_an_end check (from_hour <> to_hour)
);

alter table notifications
    -- False: its reader wants none of this type in the app. It is there for mail and push, and counts as read from the start.
    add column in_app   boolean not null default true,
    -- Of several with the same, the newest alone is unread.
    add column collapse text;

create index notifications_collapse on notifications (user_id, collapse) where read_at is null and collapse is not null;

-- A browser (its endpoint and keys) or an app (its registration token). It lives as long as the session that named it.
create table push_subscriptions (
    id         uuid     primary key,
    user_id    uuid     not null references users on delete cascade,
    session_id uuid     not null references sessions on delete cascade,
    address    text     not null check (length(address) between 1 and 2048),
    -- Whose pause counts for it.
    service    text     not null check (length(service) between 1 and 300),
    p256dh     bytea    check (length(p256dh) = 65),
    auth       bytea    check (length(auth) = 16),
    -- Pushes in a row that did not arrive.
    failures   smallint not null default 0,
    created_at timestamptz not null,
    constraint push_subscriptions_address unique (address),
    constraint push_subscriptions_keys check ((p256dh is null) = (auth is null))
);
create index push_subscriptions_user on push_subscriptions (user_id, created_at desc, id desc);
create index push_subscriptions_session on push_subscriptions (session_id);

-- Push services that asked all of us to wait.
create table push_services (
    service      text        primary key,
    paused_until timestamptz not null
);

-- Up to which message a member's devices were told of a conversation.
create table message_pushes (
    user_id         uuid   not null references users on delete cascade,
    conversation_id uuid   not null references conversations on delete cascade,
    seq             bigint not null check (seq > 0),
    primary key (user_id, conversation_id)
);

-- Up to when messages have been looked at for pushes, in the one row.
create table message_push_progress (
    only_row   boolean primary key default true check (only_row),
    done_up_to timestamptz not null
);
insert into message_push_progress (done_up_to) values (clock_timestamp());
