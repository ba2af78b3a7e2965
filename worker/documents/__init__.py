"""What people read: mail bodies, the messages that carry them, and the invoice as a PDF."""
