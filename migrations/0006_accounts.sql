-- Accounts: proofs by mail, pending changes of address, members of sites, decisions of admins.

alter table users add column email_verified_at timestamptz;

-- Lists of one's own sessions, and the purge.
create index sessions_of_user on sessions (user_id, created_at desc, id desc);
create index sessions_expiry  on sessions (expires_at);

-- Where an account has proven itself before: failures at its password from there have a budget apart, so that a stranger
-- elsewhere cannot lock its owner out. Addresses by /24 (IPv4) or /64 (IPv6).
create table known_networks (
    user_id uuid        not null references users on delete cascade,
    network text        not null,
    seen_at timestamptz not null,
    primary key (user_id, network)
);
create index known_networks_seen on known_networks (seen_at);

insert into known_networks (user_id, network, seen_at)
select user_id,
       host(network(set_masklen(ip::inet, case family(ip::inet) when 4 then 24 else 64 end))) || case family(ip::inet) when 4 then '/24' else '/64' end,
       max(created_at)
  from sessions where ip ~ '^[0-9a-fA-F:.]+$' group by 1, 2;

create type token_purpose as enum ('VERIFY_EMAIL', 'EMAIL_CHANGE_OLD', 'EMAIL_CHANGE_NEW', 'PASSWORD_RESET', 'SITE_INVITATION');

-- Tokens that travel by mail. The plain token is made when its mail is sent and rests nowhere.
create table auth_tokens (
    -- SHA-256 of a token of 256 random bits.
    hash       bytea         primary key check (length(hash) = 32),
    purpose    token_purpose not null,
    user_id    uuid          not null references users on delete cascade,
    -- The change of address or the invitation that it answers.
    subject    uuid,
    created_at timestamptz   not null,
    expires_at timestamptz   not null,
    -- Used, or voided because a sibling was.
    used_at    timestamptz
);
create index auth_tokens_open   on auth_tokens (user_id, purpose) where used_at is null;
create index auth_tokens_expiry on auth_tokens (expires_at);

-- One pending change of address per account; it happens when both addresses have confirmed.
create table email_changes (
    id               uuid        primary key,
    user_id          uuid        not null unique references users on delete cascade,
    new_email        text        not null check (length(new_email) between 3 and 254),
    created_at       timestamptz not null,
    expires_at       timestamptz not null,
    old_confirmed_at timestamptz,
    new_confirmed_at timestamptz
);

create type site_invitation_status as enum ('PENDING', 'ACCEPTED', 'REVOKED', 'EXPIRED');

create table establishment_invitations (
    id               uuid        primary key,
    establishment_id uuid        not null references establishments on delete cascade,
    user_id          uuid        not null references users on delete cascade,
    -- As the inviter wrote it: that is all that the site learns of a person before the answer.
    email            text        not null check (length(email) between 3 and 254),
    role             site_role   not null,
    invited_by       uuid        not null references users,
    status           site_invitation_status not null default 'PENDING',
    created_at       timestamptz not null,
    expires_at       timestamptz not null,
    answered_at      timestamptz
);
create unique index establishment_invitations_open on establishment_invitations (establishment_id, user_id) where status = 'PENDING';

create type account_decision as enum ('SUSPEND', 'BAN', 'UNBAN');

-- What admins decided on an account, and why. Append-only but for the mark that the consequences are drawn.
create table account_decisions (
    id          uuid        primary key,
    user_id     uuid        not null references users on delete cascade,
    admin_id    uuid        not null references users,
    decision    account_decision not null,
    reason      text        not null check (length(reason) between 1 and 500),
    created_at  timestamptz not null,
    enforced_at timestamptz
);
create index account_decisions_user on account_decisions (user_id, id desc);
