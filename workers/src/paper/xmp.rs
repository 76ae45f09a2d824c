//! Factur-X says in the file's metadata that it is one. krilla writes the metadata and takes no additions, so they come as an
//! incremental update, which PDF has for this: the same object once more, at the end, with a cross-reference of its own.

/// PDF/A asks for a description of the properties of any schema that it does not know.
const SCHEMA: &str = r#"<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema><pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>PROPERTIES</rdf:Seq></pdfaSchema:property></rdf:li>"#;
const PROPERTY: &str = r#"<rdf:li rdf:parseType="Resource"><pdfaProperty:name>NAME</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category><pdfaProperty:description>DESCRIPTION</pdfaProperty:description></rdf:li>"#;
const END_OF_SCHEMAS: &str = "</rdf:Bag></pdfaExtension:schemas>";
const END: &str = "</rdf:RDF>";

/// Name, value, and what it is.
const PROPERTIES: [(&str, &str, &str); 4] = [
    ("DocumentType", "INVOICE", "The type of the hybrid document in capital letters"),
    ("DocumentFileName", "factur-x.xml", "The name of the embedded XML document"),
    ("Version", "1.0", "The version of the standard"),
    ("ConformanceLevel", "EN 16931", "The conformance level of the embedded XML document"),
];

/// The schema among krilla's own, and the properties at the end.
fn declared(packet: &str) -> Option<String> {
    let described: String = PROPERTIES
        .iter()
        .map(|(name, _, what)| PROPERTY.replace("NAME", name).replace("DESCRIPTION", what))
        .collect();
    let stated: String =
        PROPERTIES.iter().map(|(name, value, _)| format!("<fx:{name}>{value}</fx:{name}>")).collect();
    let description = format!(
        r#"<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">{stated}</rdf:Description>"#
    );
    let (schemas, end) = (packet.find(END_OF_SCHEMAS)?, packet.rfind(END)?);
    let schema = SCHEMA.replace("PROPERTIES", &described);
    Some([&packet[..schemas], &schema, packet.get(schemas..end)?, &description, &packet[end..]].concat())
}

/// None if the file is not built as krilla builds it.
pub fn declare_factur_x(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let (object, packet) = metadata(&file)?;
    let (trailer, previous) = trailer(&file)?;
    let packet = declared(&packet)?;

    file.push(b'\n');
    let at = file.len();
    file.extend(
        format!("{object} 0 obj\n<</Length {}/Type/Metadata/Subtype/XML>>\nstream\n", packet.len()).bytes(),
    );
    file.extend(packet.bytes());
    file.extend(b"\nendstream\nendobj\n\n");
    let cross_reference = file.len();
    file.extend(format!("xref\n{object} 1\n{at:010} 00000 n\r\n").bytes());
    file.extend(format!("trailer\n{trailer}/Prev {previous}>>\nstartxref\n{cross_reference}\n%%EOF").bytes());
    Some(file)
}

fn rfind(file: &[u8], what: &[u8]) -> Option<usize> {
    file.windows(what.len()).rposition(|window| window == what)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Number and content of the metadata stream, which is written in plain.
fn metadata(file: &[u8]) -> Option<(u32, String)> {
    let kind = rfind(file, b"/Type/Metadata")?;
    let object = rfind(&file[..kind], b" 0 obj")?;
    let line = rfind(&file[..object], b"\n")? + 1;
    let number = text(&file[line..object])?.parse().ok()?;
    let begin = kind + find(&file[kind..], b"stream\n")? + b"stream\n".len();
    let end = begin + find(&file[begin..], b"\nendstream")?;
    Some((number, text(&file[begin..end])?.to_owned()))
}

/// The trailer's entries, still open, and where the cross-reference is that it belongs to.
fn trailer(file: &[u8]) -> Option<(String, u64)> {
    let begin = rfind(file, b"trailer")? + b"trailer".len();
    let end = begin + find(&file[begin..], b"startxref")?;
    let entries = text(&file[begin..end])?.trim().strip_suffix(">>")?.trim_end().to_owned();
    let previous =
        text(&file[end + b"startxref".len()..])?.trim().strip_suffix("%%EOF")?.trim().parse().ok()?;
    Some((entries, previous))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
