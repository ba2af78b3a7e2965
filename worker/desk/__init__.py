"""The desk: what customers and support may do to an account, one file per thing.

request           who asks, and the frame of every act: once per request id, audited, refused with a sentence
plain_text        what may stand in a name, an address or a note
renewal           renewal on and off
open_account      a new account, Free
payment_methods   set up, attach, use, remove
customers_at_provider   the account's customer at the payment provider, made when it is first needed
billing_details   versions of name, address, e-mail, VAT number
vat_number        one form for VAT numbers, and their checksum
invoice_note      the customer's own words on invoices
live              locks and conditions of support's acts on a live subscription
interval_change   yearly to monthly: scheduled by support, withdrawn by whoever thinks better
new_prices        one subscription, or all of a package, to the prices of today, with notice
goodwill          a discount for the next terms, by support
extend_term       days for nothing, by support
my_package        what an account page shows
erase             the account's personal data, by support
to_free           back to Free, by support
open_payments     cancelled before an act that gives them up
refund            money back, within the rule or by support
disputes          the end of a chargeback's hold, by support
"""
