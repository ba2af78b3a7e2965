"""The money pipeline, one for every charge: plan, price, create, confirm, settle.

pipeline   a leased batch from wherever it stands to its answers
price      pure prices under the accounts' locks, frozen with the intent
outcomes   one table from the provider's answers to what happens next
settle     one short transaction per micro-batch
paper      snapshots of invoices and credit notes, from what was frozen
recover    answers that were lost: read back, send the same attempt again, cancel what is too old
withdraw   cancel at the provider before anybody is suspended
follow     the provider's events: payments, refunds and disputes that went on without our call
payouts    refunds at the provider
chargebacks   disputes, and what a lost one ends
links      signed links to the payment page
"""
