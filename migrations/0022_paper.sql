-- Paper: invoices and credit notes with their numbers, and the documents that were rendered.

create type invoice_kind as enum ('INVOICE', 'CREDIT_NOTE');

-- The last number of each series. Who takes a number keeps its row locked to the end of the transaction: a rollback gives the
-- number back, and whoever waited for it gets the same one.
create table invoice_series (
    -- The talent; for the platform's own, zeros.
    series uuid         not null,
    kind   invoice_kind not null,
    -- Of Paris.
    year   smallint     not null,
    last   integer      not null,
    primary key (series, kind, year)
);

-- What was invoiced stays as it was said (Code général des impôts, art. 289, and annex II, art. 242 nonies A).
create table invoices (
    id               uuid         primary key,
    kind             invoice_kind not null,
    -- In whose name; null is the platform.
    issuer_id        uuid         references users,
    series           uuid         not null generated always as (coalesce(issuer_id, '00000000-0000-0000-0000-000000000000')) stored,
    year             smallint     not null,
    number           integer      not null,
    recipient_id     uuid         not null references users,
    -- The site that it is for: its members read it.
    establishment_id uuid         references establishments,
    -- The business fact that it is for: one invoice each.
    cause            text         not null unique,
    -- Of a credit note, the invoice that it takes back.
    corrects_id      uuid         references invoices,
    payment_id       uuid         references payments,
    issued_at        timestamptz  not null,
    due_on           date         not null,
    paid_at          timestamptz,
    net_cents        bigint       not null,
    vat_cents        bigint       not null,
    total_cents      bigint       not null,
    -- Parties, lines, VAT by rate, mentions: all that stands on the paper.
    content          jsonb        not null,
    unique (series, kind, year, number)
);
create index invoices_recipient     on invoices (recipient_id, issued_at desc, id desc);
create index invoices_issuer        on invoices (issuer_id, issued_at desc, id desc);
create index invoices_establishment on invoices (establishment_id, issued_at desc, id desc) where establishment_id is not null;
create index invoices_corrections   on invoices (corrects_id) where corrects_id is not null;
create index invoices_payment       on invoices (payment_id) where payment_id is not null;

-- Its rules in one function, which a session compiles once.
create function invoice_is_sound() returns trigger
    language plpgsql as $$
declare
    broken text := case
        when new.total_cents <> new.net_cents + new.vat_cents or new.total_cents < 0 then 'invoice_adds_up'
        when (new.corrects_id is null) <> (new.kind = 'INVOICE') then 'invoice_corrects'
        when new.number <> 1 and not exists (
            select from invoices i
             where i.series = coalesce(new.issuer_id, '00000000-0000-0000-0000-000000000000')
               and i.kind = new.kind and i.year = new.year and i.number = new.number - 1) then 'invoice_follows'
    end;
begin
    if broken is not null then
        raise exception using errcode = '23514', table = 'invoices', constraint = broken,
            message = format('new row for relation "invoices" violates check constraint "%s"', broken);
    end if;
    return new;
end
$$;

create trigger invoice_is_sound before insert on invoices for each row execute function invoice_is_sound();

-- Issued is issued. Of an invoice only this may be added: that it was paid, once.
create function invoice_is_final() returns trigger
    language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.paid_at is null
       and to_jsonb(new) - 'paid_at' - 'series' = to_jsonb(old) - 'paid_at' - 'series' then
        return new;
    end if;
    raise exception using errcode = '23514', table = 'invoices', constraint = 'invoice_is_final',
        message = 'an issued invoice is neither changed nor deleted';
end
$$;

create trigger invoice_is_final before update or delete on invoices for each row execute function invoice_is_final();
create trigger invoices_are_final before truncate on invoices for each statement execute function invoice_is_final();

create type document_kind as enum ('QUOTE', 'CONTRACT', 'INVOICE', 'CREDIT_NOTE');

-- What was rendered, and where it rests.
create table documents (
    id          uuid          primary key,
    kind        document_kind not null,
    -- A quote, a contract or an invoice.
    subject_id  uuid          not null,
    -- Of a contract, 1 as issued and 2 as signed.
    version     smallint      not null,
    storage_key text          not null,
    sha256      bytea         not null check (length(sha256) = 32),
    size        integer       not null,
    -- Of an e-invoice, the XML that is also embedded.
    xml_key     text,
    xml_sha256  bytea         check (length(xml_sha256) = 32),
    created_at  timestamptz   not null,
    unique (kind, subject_id, version)
);

create function document_is_final() returns trigger
    language plpgsql as $$
begin
    raise exception using errcode = '23514', table = 'documents', constraint = 'document_is_final',
        message = 'a rendered document is neither changed nor deleted';
end
$$;

create trigger document_is_final before update or delete on documents for each row execute function document_is_final();

-- Chorus Pro asks public bodies' invoices for the service that they are for.
alter table establishments add column chorus_service_code text;
