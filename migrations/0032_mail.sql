-- Who is not written to: addresses that do not take mail, and readers who unsubscribe.

create type mail_suppression_reason as enum ('BOUNCED', 'COMPLAINED');

-- By address and not by account: one who changes it is written to again. A row that was lifted stays, so that a bounce of before
-- which comes late does not close the address again.
create table mail_suppressions (
    id         uuid primary key,
    address    text not null check (address = lower(address) and length(address) between 3 and 320),
    reason     mail_suppression_reason not null,
    -- What the mail server or the provider said.
    detail     text not null check (length(detail) <= 500),
    since      timestamptz not null,
    lifted_at  timestamptz,
    lifted_by  uuid references users,
    constraint mail_suppressions_address unique (address),
    constraint lifted_by_somebody check ((lifted_at is null) = (lifted_by is null))
);

create index mail_suppressions_newest on mail_suppressions (since desc, id desc) where lifted_at is null;

-- Signs the links by which a mail's reader unsubscribes, without a session and for ever. A random key of each account: who can
-- read it can do no more than that, and no secret of the processes is shared for it.
alter table users add column mail_key uuid not null default gen_random_uuid();
