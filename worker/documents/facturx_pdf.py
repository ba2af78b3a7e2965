"""Marks a PDF/A-3 that bears the XML of EN 16931 as what it is: the metadata of Factur-X, in XMP.

Typst attaches the file and writes the rest. It has no words for metadata of its own, and one bag of schemas only may
stand in a packet, so ours goes into the bag that typst wrote.
"""

import io
import re

from worker.errors import DocumentError

_SCHEMA = """<rdf:li rdf:parseType="Resource">\
<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>\
<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>fx</pdfaSchema:prefix>\
<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>\
</rdf:li>"""
_PROPERTY = """<rdf:li rdf:parseType="Resource">\
<pdfaProperty:name>{name}</pdfaProperty:name>\
<pdfaProperty:valueType>Text</pdfaProperty:valueType>\
<pdfaProperty:category>external</pdfaProperty:category>\
<pdfaProperty:description>{name} of the attached file</pdfaProperty:description>\
</rdf:li>"""
_FACTS = {
    "DocumentType": "INVOICE",
    "DocumentFileName": "factur-x.xml",
    "Version": "1.0",
    "ConformanceLevel": "EN 16931",
}
"""The names are the standard's; a credit note is of the type INVOICE too."""
_DESCRIPTION = (
    '<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">'
    + "".join(f"<fx:{name}>{value}</fx:{name}>" for name, value in _FACTS.items())
    + "</rdf:Description>"
)
_BAG_END = re.compile(r"</rdf:Bag>\s*</pdfaExtension:schemas>")


def marked(pdf: bytes) -> bytes:
    """The same document with the metadata of Factur-X; the same bytes always give the same bytes.

    Raises:
        DocumentError: its metadata has not the shape that this version of typst writes.
    """
    # every worker and command loads this file, and few print an invoice
    import pikepdf

    with pikepdf.open(io.BytesIO(pdf)) as document:
        packet = bytes(document.Root.Metadata.read_bytes()).decode()
        if len(_BAG_END.findall(packet)) != 1 or packet.count("</rdf:RDF>") != 1:
            raise DocumentError("typst has written metadata of another shape than this version knows")
        schema = _SCHEMA.format(properties="".join(_PROPERTY.format(name=name) for name in _FACTS))
        packet = _BAG_END.sub(lambda found: schema + found[0], packet)
        packet = packet.replace("</rdf:RDF>", _DESCRIPTION + "</rdf:RDF>")
        document.Root.Metadata.write(packet.encode())
        saved = io.BytesIO()
        document.save(saved, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return saved.getvalue()
