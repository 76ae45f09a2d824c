"""Paper: what PDF readers, qpdf and the validators of Factur-X that we did not write make of our documents."""

import glob
import json
import os
import re
import sys

import facturx
import pikepdf
import pypdf
import pypdfium2
from lxml import etree
from saxonche import PySaxonProcessor
from world import check

FOLDER = sys.argv[1]
RULES = os.path.join(os.path.dirname(facturx.__file__), "xsd_and_schematron")
PDFS = sorted(glob.glob(os.path.join(FOLDER, "*.pdf")))
INVOICES = [pdf for pdf in PDFS if os.path.exists(pdf.replace(".pdf", ".xml"))]
ACCENTS = "où naïveté, maïs, Noël, ambiguë, façade, garçon, piqûre, forêt, aïeul, cœur, ÉVÊQUE, ÀÉÈÊËÎÏÔÖÙÛÜŸÇŒÆ"


def flat(text):
    """Lines and columns as one text: spaces of any width are one space."""
    return re.sub(r"\s+", " ", text)


def pages_of(path):
    """The text of each page, as PDFium reads it."""
    with pypdfium2.PdfDocument(path) as document:
        return [flat(page.get_textpage().get_text_range()) for page in document]


def fonts_of(page):
    """Whether the file of each font is in the document."""
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    descendants = [font["/DescendantFonts"][0].get_object() for font in fonts]
    descriptors = [font["/FontDescriptor"].get_object() for font in descendants]
    assert all("/ToUnicode" in font for font in fonts), "no text behind the glyphs"
    return [any(file in descriptor for file in ("/FontFile2", "/FontFile3")) for descriptor in descriptors]


def read(path):
    with open(path, "rb") as file:
        return file.read()


with check("qpdf finds the structure sound, also behind the incremental update"):
    assert len(PDFS) > 5 and len(INVOICES) > 5, PDFS
    for path in PDFS:
        with pikepdf.open(path) as document:
            assert not (problems := document.check_pdf_syntax()), f"{path}: {problems}"

with check("pypdf and PDFium: fonts embedded, title, French, pages numbered, PDF/A-3b in the metadata"):
    for path in PDFS:
        reader = pypdf.PdfReader(path)
        root = reader.trailer["/Root"]
        assert reader.metadata.title and root["/Lang"] == "fr-FR" and root["/OutputIntents"], path
        assert all(fonts and all(fonts) for fonts in map(fonts_of, reader.pages)), path
        packet = root["/Metadata"].get_data().decode()
        assert "<pdfaid:part>3</pdfaid:part>" in packet and "<pdfaid:conformance>B</pdfaid:conformance>" in packet, path
        pages = pages_of(path)
        for number, page in enumerate(pages, 1):
            assert f"Page {number} / {len(pages)}" in page, f"{path}: page {number}: {page}"

with check("accents, long words and 60 rows over pages are read as they were written"):
    pages = pages_of(os.path.join(FOLDER, "sheet.pdf"))
    text = " ".join(pages)
    assert ACCENTS in text and "décomposée : élève" in text, text
    heads = [page for page in pages if "Adresse IP" in page]
    assert len(pages) == 5 and len(heads) == 3, "the head of a table stands on each of its pages"
    long = " ".join(pages_of(os.path.join(FOLDER, "invoice-long.pdf")))
    assert all(f"Séance n° {n} – accompagnement" in long for n in range(1, 61)), long

with check("every amount of the rows is read on the paper"):
    for path in INVOICES:
        text = " ".join(pages_of(path))
        for wanted in json.loads(read(path.replace(".pdf", ".json"))):
            assert flat(wanted) in text, f"{path}: {wanted!r} in {text}"

with check("factur-x: XSD of EN 16931, and the XML inside is the XML beside"):
    for path in INVOICES:
        name, xml = facturx.get_xml_from_pdf(read(path), check_xsd=True)
        assert name == "factur-x.xml" and xml == read(path.replace(".pdf", ".xml")), path
        assert facturx.get_level(etree.fromstring(xml)) == "en16931", path
        attachments = pypdf.PdfReader(path).attachments
        assert attachments["factur-x.xml"] == [xml], path
        packet = pypdf.PdfReader(path).trailer["/Root"]["/Metadata"].get_data().decode()
        assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in packet, path
        etree.fromstring(re.sub(r"<\?xpacket.*?\?>", "", packet).encode())

with check("Saxon: no rule of the schematrons of EN 16931 and of the French CTC fails"):
    with PySaxonProcessor(license=False) as processor:
        xslt = processor.new_xslt30_processor()
        for rules in ["facturx-en16931/FACTUR-X_EN16931.xslt", "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"]:
            schematron = xslt.compile_stylesheet(stylesheet_file=os.path.join(RULES, rules))
            for path in INVOICES:
                report = schematron.transform_to_string(source_file=path.replace(".pdf", ".xml"))
                failed = re.findall(r"<svrl:failed-assert.*?</svrl:failed-assert>", report, re.S)
                assert report.count("<svrl:fired-rule") > 20, f"{path}: no rule was asked"
                assert not failed, f"{path}: {[flat(re.sub('<[^>]+>', '', rule)) for rule in failed]}"
