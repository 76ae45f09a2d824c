-- Quotes, contracts and their signatures.

-- The rate that was agreed with this talent, where it is not the mission's: that of an accepted application.
alter table assignments add column hourly_rate_cents integer;

-- The last number of each series and year. The row is the queue of those who take one: a number that was rolled back is
-- taken by the next.
create table reference_counters (
    series text     not null,
    year   smallint not null,
    last   integer  not null,
    primary key (series, year)
);

create type quote_status as enum ('DRAFT', 'SENT', 'VIEWED', 'ACCEPTED', 'REJECTED', 'EXPIRED', 'REVISED');

create table quotes (
    id               uuid primary key,
    -- The id of the first version.
    family_id        uuid         not null,
    version          smallint     not null default 1,
    -- Given when the first version is sent; the later ones keep it.
    reference        text,
    status           quote_status not null default 'DRAFT',
    talent_id        uuid         not null references users,
    client_id        uuid         not null references users,
    -- In whose name the client orders; a private person has none.
    establishment_id uuid         references establishments,
    -- The service that it is about. Not a reference: services are younger than quotes.
    service_id       uuid,
    title            text         not null,
    notes            text,
    lines            jsonb        not null,
    -- Computed by the server from the lines and the discount.
    subtotal_cents   bigint       not null,
    discount_cents   bigint       not null,
    vat              jsonb        not null,
    vat_cents        bigint       not null,
    total_cents      bigint       not null,
    vat_mention      text,
    -- Both parties as they were when it was sent.
    parties          jsonb,
    created_at       timestamptz  not null,
    sent_at          timestamptz,
    expires_at       timestamptz,
    viewed_at        timestamptz,
    -- Accepted, rejected, expired or revised.
    closed_at        timestamptz,
    accepted_by      uuid         references users,
    reject_reason    text,
    constraint quotes_version unique (family_id, version),
    constraint quotes_reference unique (reference, version),
    constraint quote_adds_up check (discount_cents between 0 and subtotal_cents
                                    and total_cents = subtotal_cents - discount_cents + vat_cents)
);
create index quotes_talent on quotes (talent_id, created_at desc, id desc);
create index quotes_client on quotes (client_id, created_at desc, id desc);
create index quotes_site   on quotes (establishment_id, created_at desc, id desc) where establishment_id is not null;

create type contract_kind as enum ('MISSION_SOS', 'SERVICE_BOOKING', 'FRAMEWORK');
create type contract_status as enum
    ('DRAFT', 'PENDING', 'PENDING_CLIENT', 'PENDING_TALENT', 'SIGNED', 'IN_PROGRESS', 'COMPLETED', 'DISPUTED', 'CANCELLED');
create type contract_side as enum ('CLIENT', 'TALENT');
create type contract_cancel_cause as enum ('PARTY', 'TIME_OUT', 'CALLED_OFF');

create table contracts (
    id               uuid primary key,
    reference        text            not null constraint contracts_reference unique,
    kind             contract_kind   not null,
    status           contract_status not null default 'DRAFT',
    client_id        uuid            not null references users,
    establishment_id uuid            references establishments,
    talent_id        uuid            not null references users,
    -- What it comes from: each has one contract at most. Bookings are younger than contracts.
    mission_id       uuid            references missions,
    assignment_id    uuid            references assignments constraint contracts_assignment unique,
    booking_id       uuid            constraint contracts_booking unique,
    quote_id         uuid            references quotes constraint contracts_quote unique,
    title            text            not null,
    -- With VAT.
    amount_cents     bigint          not null check (amount_cents >= 0),
    lines            jsonb           not null,
    vat              jsonb           not null,
    vat_mention      text,
    parties          jsonb           not null,
    -- The text that both sign, and the hexadecimal SHA-256 of its UTF-8.
    terms            text            not null,
    terms_sha256     text            not null check (length(terms_sha256) = 64),
    starts_at        timestamptz,
    ends_at          timestamptz,
    issued_at        timestamptz     not null,
    -- Unsigned then, it is cancelled.
    sign_by          timestamptz     not null,
    client_signed_at timestamptz,
    talent_signed_at timestamptz,
    signed_at        timestamptz,
    cancelled_at     timestamptz,
    cancel_cause     contract_cancel_cause,
    cancel_reason    text,
    -- Where a disputed contract goes back to.
    disputed_from    contract_status,
    disputed_at      timestamptz,
    disputed_by      uuid            references users,
    dispute_reason   text,
    resolved_at      timestamptz,
    resolved_by      uuid            references users,
    resolution       text
);
create index contracts_talent  on contracts (talent_id, issued_at desc, id desc);
create index contracts_client  on contracts (client_id, issued_at desc, id desc);
create index contracts_site    on contracts (establishment_id, issued_at desc, id desc) where establishment_id is not null;
create index contracts_mission on contracts (mission_id) where mission_id is not null;
create index contracts_status  on contracts (status, issued_at desc, id desc);
create index contracts_newest  on contracts (issued_at desc, id desc);

-- What was issued is what is signed, whatever the code believes.
create function contract_stays_as_issued() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '23514', table = 'contracts', constraint = 'contract_stays_as_issued',
        message = 'the text of an issued contract does not change';
end
$$;
create trigger contract_stays_as_issued
    before update of id, reference, kind, client_id, establishment_id, talent_id, mission_id, assignment_id, booking_id, quote_id,
                     title, amount_cents, lines, vat, vat_mention, parties, terms, terms_sha256, starts_at, ends_at, issued_at
    on contracts for each row
    when ((old.id, old.reference, old.kind, old.client_id, old.establishment_id, old.talent_id, old.mission_id, old.assignment_id,
           old.booking_id, old.quote_id, old.title, old.amount_cents, old.lines, old.vat, old.vat_mention, old.parties, old.terms, old.terms_sha256, old.starts_at,
           old.ends_at, old.issued_at)
          is distinct from
          (new.id, new.reference, new.kind, new.client_id, new.establishment_id, new.talent_id, new.mission_id, new.assignment_id,
           new.booking_id, new.quote_id, new.title, new.amount_cents, new.lines, new.vat, new.vat_mention, new.parties, new.terms, new.terms_sha256, new.starts_at,
           new.ends_at, new.issued_at))
    execute function contract_stays_as_issued();

create type contract_event_kind as enum
    ('ISSUED', 'CODE_REQUESTED', 'CODE_SENT', 'WRONG_CODE', 'SIGNED', 'STARTED', 'COMPLETED', 'DISPUTED', 'RESOLVED', 'CANCELLED');

-- What happened to a contract, and the evidence of its signatures.
create table contract_events (
    id          uuid primary key,
    contract_id uuid                not null references contracts,
    kind        contract_event_kind not null,
    -- Nobody, where the clock or the platform did it.
    actor_id    uuid                references users,
    side        contract_side,
    ip          text,
    user_agent  text,
    -- The SHA-256 of the text as the signer saw it, the number of the try, a reason.
    detail      text,
    created_at  timestamptz         not null
);
create index contract_events_contract on contract_events (contract_id, created_at, id);

create function contract_events_only_grow() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '23514', table = 'contract_events', constraint = 'contract_events_only_grow',
        message = 'what happened to a contract is neither changed nor deleted';
end
$$;
create trigger contract_events_only_grow before update or delete on contract_events
    for each row execute function contract_events_only_grow();
create trigger contract_events_are_not_emptied before truncate on contract_events
    for each statement execute function contract_events_only_grow();

-- Codes that were asked for. The code itself is made when its mail is sent and rests nowhere.
create table signature_codes (
    id           uuid primary key,
    contract_id  uuid          not null references contracts,
    signer_id    uuid          not null references users,
    side         contract_side not null,
    ip           text,
    user_agent   text,
    requested_at timestamptz   not null,
    expires_at   timestamptz   not null,
    salt         bytea,
    -- SHA-256 of salt and code; absent until there is a code.
    hash         bytea,
    sent_at      timestamptz,
    tries        smallint      not null default 0,
    -- Used, or replaced by a younger one.
    closed_at    timestamptz
);
create unique index signature_codes_open on signature_codes (contract_id, signer_id) where closed_at is null;
create index signature_codes_requested on signature_codes (contract_id, signer_id, requested_at);
create index signature_codes_expiry on signature_codes (expires_at);
