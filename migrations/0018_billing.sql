-- Who stands on paper: what an invoice has to say of a person, and who pays no VAT.

create type vat_regime as enum ('SMALL_BUSINESS', 'STANDARD');

create table billing_profiles (
    user_id     uuid primary key references users on delete cascade,
    legal_name  text,
    siret       text check (siret ~ '^\d{14}$'),
    vat_number  text,
    -- Code général des impôts, art. 293 B, until a talent says otherwise.
    vat_regime  vat_regime not null default 'SMALL_BUSINESS',
    address     text,
    postal_code text check (postal_code ~ '^\d{5}$'),
    city        text,
    updated_at  timestamptz not null
);

-- Code général des impôts, art. 261, 4, 1°: care given by the regulated medical and paramedical professions, and by psychologists.
alter table professions add column vat_exempt boolean not null default false;
update professions set vat_exempt = true
 where slug in ('ide', 'kine', 'ergo', 'psycho-medical', 'orthophoniste', 'psychomotricien');

alter table establishments add column vat_number text;
