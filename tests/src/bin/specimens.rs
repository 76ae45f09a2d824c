//! Writes specimens of documents into a folder, for foreign readers and validators: each with what has to be read in it. Says how
//! long each took: `specimens <folder>`.

use std::path::PathBuf;
use std::time::Instant;

use domain::invoices::Invoice;
use domain::paper::{self, Sheet};
use tests::specimens::{invoices, sheets};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "specimens".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for (name, invoice) in invoices() {
        let xml = workers::paper::invoice_xml(&invoice);
        if let Some(xml) = &xml {
            std::fs::write(folder.join(format!("{name}.xml")), xml)?;
        }
        write(&folder, name, &paper::invoice::sheet(&invoice), xml.as_deref())?;
        let readable = serde_json::to_string(&readable(&invoice))?;
        std::fs::write(folder.join(format!("{name}.json")), readable)?;
    }
    for (name, sheet) in sheets() {
        write(&folder, name, &sheet, None)?;
    }
    Ok(())
}

/// What the rows say, as it is written on the paper.
fn readable(invoice: &Invoice) -> Vec<String> {
    let content = &invoice.content;
    let mut texts = vec![invoice.reference(), content.issuer.name.clone(), content.recipient.name.clone()];
    texts.extend([invoice.net_cents, invoice.vat_cents, invoice.total_cents].map(paper::euros));
    for line in &content.lines {
        texts.extend([
            line.description.clone(),
            paper::euros(line.net_cents),
            paper::price(line.unit_price_micros),
        ]);
    }
    texts.extend(content.vat.iter().map(|vat| paper::euros(vat.vat_cents)));
    texts.extend(content.exemption.and_then(|vat| vat.mention()).map(str::to_owned));
    texts
}

fn write(folder: &std::path::Path, name: &str, sheet: &Sheet, xml: Option<&str>) -> std::io::Result<()> {
    let began = Instant::now();
    let file = workers::paper::render(sheet, xml).map_err(std::io::Error::other)?;
    let took = began.elapsed();
    if workers::paper::render(sheet, xml).map_err(std::io::Error::other)? != file {
        return Err(std::io::Error::other(format!("{name}: the same sheet gave other bytes")));
    }
    println!("{name}.pdf {} bytes, {:.1} ms", file.len(), took.as_secs_f64() * 1e3);
    std::fs::write(folder.join(format!("{name}.pdf")), file)
}
