"""The rules, pure: dates, whole numbers and fractions in, decisions out; no clock, no database, no network.

money      currencies, the one rounding, the split of a price into used and unused
calendar   anchors and terms: which days a subscription's n-th term covers
catalogue  packages, prices and allowances with their start dates; what a customer has, as lines
policy     every number in the rules that is ours to choose, frozen
states     the states of subscriptions and charges with their transitions; the outcomes of a charge
declines   what a decline code means for the next try, and what the customer may be told
dunning    when a declined renewal is tried again, and when that is over
reminders  which mail is due before a term ends
vat        the VAT treatment of a sale
quote      the sum to charge, what credit pays, and what is carried
numbering  how an invoice number looks
"""
