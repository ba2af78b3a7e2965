-- The bytes of later documents lie in the place of files under pdf_sha256; those from before stay where they are.

ALTER TABLE invoice_documents ALTER COLUMN pdf DROP NOT NULL;

COMMENT ON COLUMN invoice_documents.pdf IS 'of documents from before there was a place of files';

COMMENT ON COLUMN invoice_documents.pdf_sha256 IS 'the address of the bytes in the place of files';

-- Code from before cannot read the pages of later documents.

COMMENT ON TABLE alembic_version IS 'oldest code: 0007';
