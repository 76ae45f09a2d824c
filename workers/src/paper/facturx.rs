//! An invoice as Cross Industry Invoice in the profile of EN 16931: the XML of a Factur-X file. Its notes carry the codes that the
//! French rules ask for (PMD late penalties, PMT recovery, AAB discount).

use std::io;

use domain::invoices::{Invoice, InvoiceKind, Line, VatLine};
use domain::paper::invoice::{LATE, NO_DISCOUNT, RECOVERY, mandate};
use domain::parties::{Party, Vat};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use time::Date;

/// None where the law's data are missing: who has no SIRET issues no e-invoice.
pub fn xml(invoice: &Invoice) -> Option<String> {
    invoice.content.issuer.siret.as_ref()?;
    let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 1));
    xml.invoice(invoice).ok()?;
    String::from_utf8(xml.0.into_inner()).ok()
}

const NAMESPACES: [(&str, &str); 4] = [
    ("xmlns:rsm", "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"),
    ("xmlns:ram", "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"),
    ("xmlns:qdt", "urn:un:unece:uncefact:data:standard:QualifiedDataType:100"),
    ("xmlns:udt", "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"),
];

struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn within(&mut self, name: &str, inner: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(name)))?;
        inner(self)?;
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    fn put(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.put_with(name, &[], text)
    }

    fn put_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
        self.0.write_event(Event::Start(start))?;
        self.0.write_event(Event::Text(BytesText::new(text)))?;
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    fn put_some(&mut self, name: &str, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.put(name, text))
    }

    fn date(&mut self, name: &str, date: Date) -> io::Result<()> {
        self.within(name, |xml| xml.put_with("udt:DateTimeString", &[("format", "102")], &compact(date)))
    }

    fn invoice(&mut self, invoice: &Invoice) -> io::Result<()> {
        self.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let root = "rsm:CrossIndustryInvoice";
        self.0.write_event(Event::Start(BytesStart::new(root).with_attributes(NAMESPACES)))?;
        self.within("rsm:ExchangedDocumentContext", |xml| {
            // A service, to be paid or paid.
            let process = if invoice.content.prepaid { "S2" } else { "S1" };
            xml.within("ram:BusinessProcessSpecifiedDocumentContextParameter", |xml| {
                xml.put("ram:ID", process)
            })?;
            let profile = "urn:cen.eu:en16931:2017";
            xml.within("ram:GuidelineSpecifiedDocumentContextParameter", |xml| xml.put("ram:ID", profile))
        })?;
        self.head(invoice)?;
        self.within("rsm:SupplyChainTradeTransaction", |xml| {
            for (at, line) in invoice.content.lines.iter().enumerate() {
                xml.line(at + 1, line)?;
            }
            xml.agreement(invoice)?;
            xml.within("ram:ApplicableHeaderTradeDelivery", |xml| {
                xml.within("ram:ActualDeliverySupplyChainEvent", |xml| {
                    xml.date("ram:OccurrenceDateTime", invoice.content.delivered_to)
                })
            })?;
            xml.settlement(invoice)
        })?;
        self.0.write_event(Event::End(BytesEnd::new(root)))
    }

    fn head(&mut self, invoice: &Invoice) -> io::Result<()> {
        self.within("rsm:ExchangedDocument", |xml| {
            xml.put("ram:ID", &invoice.reference())?;
            xml.put("ram:TypeCode", if invoice.kind == InvoiceKind::Invoice { "380" } else { "381" })?;
            xml.date("ram:IssueDateTime", invoice.issued_on())?;
            xml.note(None, &invoice.content.subject)?;
            if let Some(mandate) = mandate(invoice) {
                xml.note(None, &mandate)?;
            }
            xml.note(Some("PMD"), LATE)?;
            xml.note(Some("PMT"), RECOVERY)?;
            xml.note(Some("AAB"), NO_DISCOUNT)
        })
    }

    fn note(&mut self, code: Option<&str>, text: &str) -> io::Result<()> {
        self.within("ram:IncludedNote", |xml| {
            xml.put("ram:Content", text)?;
            xml.put_some("ram:SubjectCode", code)
        })
    }

    fn line(&mut self, number: usize, line: &Line) -> io::Result<()> {
        let unit = [("unitCode", line.unit.code())];
        self.within("ram:IncludedSupplyChainTradeLineItem", |xml| {
            xml.within("ram:AssociatedDocumentLineDocument", |xml| {
                xml.put("ram:LineID", &number.to_string())
            })?;
            xml.within("ram:SpecifiedTradeProduct", |xml| xml.put("ram:Name", &line.description))?;
            xml.within("ram:SpecifiedLineTradeAgreement", |xml| {
                xml.within("ram:NetPriceProductTradePrice", |xml| {
                    xml.put("ram:ChargeAmount", &decimal(line.unit_price_micros, 6))?;
                    xml.put_with("ram:BasisQuantity", &unit, &line.base_quantity.to_string())
                })
            })?;
            xml.within("ram:SpecifiedLineTradeDelivery", |xml| {
                xml.put_with("ram:BilledQuantity", &unit, &decimal(line.quantity_milli, 3))
            })?;
            xml.within("ram:SpecifiedLineTradeSettlement", |xml| {
                xml.within("ram:ApplicableTradeTax", |xml| {
                    xml.put("ram:TypeCode", "VAT")?;
                    xml.put("ram:CategoryCode", category(line.vat_bps))?;
                    xml.put("ram:RateApplicablePercent", &decimal(line.vat_bps.into(), 2))
                })?;
                xml.within("ram:SpecifiedTradeSettlementLineMonetarySummation", |xml| {
                    xml.put("ram:LineTotalAmount", &decimal(line.net_cents, 2))
                })
            })
        })
    }

    fn agreement(&mut self, invoice: &Invoice) -> io::Result<()> {
        let content = &invoice.content;
        self.within("ram:ApplicableHeaderTradeAgreement", |xml| {
            xml.put_some("ram:BuyerReference", content.buyer_reference.as_deref())?;
            xml.within("ram:SellerTradeParty", |xml| xml.party(&content.issuer, true))?;
            xml.within("ram:BuyerTradeParty", |xml| xml.party(&content.recipient, false))?;
            match &content.order_reference {
                Some(order) => xml
                    .within("ram:BuyerOrderReferencedDocument", |xml| xml.put("ram:IssuerAssignedID", order)),
                None => Ok(()),
            }
        })
    }

    fn party(&mut self, party: &Party, seller: bool) -> io::Result<()> {
        // ISO 6523: 0009 is a SIRET, 0002 the SIREN that it begins with.
        if let Some(siret) = &party.siret {
            self.put_with("ram:GlobalID", &[("schemeID", "0009")], siret)?;
        }
        self.put("ram:Name", &party.name)?;
        let siren = party.siret.as_deref().and_then(|siret| siret.get(..9));
        if let Some(siren) = siren {
            self.within("ram:SpecifiedLegalOrganization", |xml| {
                xml.put_with("ram:ID", &[("schemeID", "0002")], siren)
            })?;
        }
        self.within("ram:PostalTradeAddress", |xml| {
            xml.put_some("ram:PostcodeCode", party.postal_code.as_deref())?;
            xml.put_some("ram:LineOne", party.address.as_deref())?;
            xml.put_some("ram:CityName", party.city.as_deref())?;
            xml.put("ram:CountryID", "FR")
        })?;
        // Where the French platforms deliver to.
        if let Some(siren) = siren {
            self.within("ram:URIUniversalCommunication", |xml| {
                xml.put_with("ram:URIID", &[("schemeID", "0225")], siren)
            })?;
        }
        // Who is exempt may have no VAT number: then the SIREN is the number at the tax office.
        let tax = match (&party.vat_number, siren) {
            (Some(number), _) => Some(("VA", number.as_str())),
            (None, Some(siren)) if seller => Some(("FC", siren)),
            _ => None,
        };
        match tax {
            Some((scheme, id)) => self.within("ram:SpecifiedTaxRegistration", |xml| {
                xml.put_with("ram:ID", &[("schemeID", scheme)], id)
            }),
            None => Ok(()),
        }
    }

    fn settlement(&mut self, invoice: &Invoice) -> io::Result<()> {
        let content = &invoice.content;
        self.within("ram:ApplicableHeaderTradeSettlement", |xml| {
            xml.put("ram:InvoiceCurrencyCode", "EUR")?;
            // By card, kept of what was paid, or as the parties agree.
            let means = match (content.prepaid, invoice.issuer_id) {
                (true, Some(_)) => "48",
                (true, None) => "97",
                (false, _) => "1",
            };
            xml.within("ram:SpecifiedTradeSettlementPaymentMeans", |xml| xml.put("ram:TypeCode", means))?;
            for vat in &content.vat {
                xml.tax(vat, content.exemption)?;
            }
            xml.within("ram:BillingSpecifiedPeriod", |xml| {
                xml.date("ram:StartDateTime", content.delivered_from)?;
                xml.date("ram:EndDateTime", content.delivered_to)
            })?;
            xml.within("ram:SpecifiedTradePaymentTerms", |xml| {
                xml.date("ram:DueDateDateTime", invoice.due_on)
            })?;
            xml.sums(invoice)?;
            match &content.corrects {
                Some(corrected) => xml.within("ram:InvoiceReferencedDocument", |xml| {
                    xml.put("ram:IssuerAssignedID", &corrected.reference)?;
                    xml.within("ram:FormattedIssueDateTime", |xml| {
                        let date = compact(corrected.issued_on);
                        xml.put_with("qdt:DateTimeString", &[("format", "102")], &date)
                    })
                }),
                None => Ok(()),
            }
        })
    }

    fn tax(&mut self, vat: &VatLine, exemption: Option<Vat>) -> io::Result<()> {
        let exempt = exemption.filter(|_| vat.bps == 0);
        self.within("ram:ApplicableTradeTax", |xml| {
            xml.put("ram:CalculatedAmount", &decimal(vat.vat_cents, 2))?;
            xml.put("ram:TypeCode", "VAT")?;
            let reason = exempt.and_then(Vat::mention).or((vat.bps == 0).then_some("Exonération de TVA"));
            xml.put_some("ram:ExemptionReason", reason)?;
            xml.put("ram:BasisAmount", &decimal(vat.base_cents, 2))?;
            xml.put("ram:CategoryCode", category(vat.bps))?;
            let code = match exempt {
                Some(Vat::CareExempt) => Some("VATEX-EU-132-1C"),
                Some(Vat::SmallBusiness) => Some("VATEX-FR-FRANCHISE"),
                Some(Vat::Standard) | None => None,
            };
            xml.put_some("ram:ExemptionReasonCode", code)?;
            xml.put("ram:RateApplicablePercent", &decimal(vat.bps.into(), 2))
        })
    }

    fn sums(&mut self, invoice: &Invoice) -> io::Result<()> {
        let paid = if invoice.content.prepaid { invoice.total_cents } else { 0 };
        let cents = |cents| decimal(cents, 2);
        self.within("ram:SpecifiedTradeSettlementHeaderMonetarySummation", |xml| {
            xml.put("ram:LineTotalAmount", &cents(invoice.net_cents))?;
            xml.put("ram:TaxBasisTotalAmount", &cents(invoice.net_cents))?;
            xml.put_with("ram:TaxTotalAmount", &[("currencyID", "EUR")], &cents(invoice.vat_cents))?;
            xml.put("ram:GrandTotalAmount", &cents(invoice.total_cents))?;
            xml.put("ram:TotalPrepaidAmount", &cents(paid))?;
            xml.put("ram:DuePayableAmount", &cents(invoice.total_cents - paid))
        })
    }
}

fn category(bps: i32) -> &'static str {
    if bps == 0 { "E" } else { "S" }
}

fn compact(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), u8::from(date.month()), date.day())
}

/// A number of so many decimal places; at least two are written.
fn decimal(value: i64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.unsigned_abs() / one, value.unsigned_abs() % one);
    let digits = format!("{rest:0width$}", width = places as usize);
    let kept = digits.trim_end_matches('0').len().max(2);
    format!("{sign}{whole}.{}", &digits[..kept])
}
