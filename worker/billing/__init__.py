"""The rules, pure: dates, whole numbers and fractions in, decisions out; no clock, no database, no network.

money      currencies, the one rounding, the split of a price into used and unused
calendar   anchors and terms: which days a subscription's n-th term covers
catalogue  packages, prices and allowances with their start dates; what a customer has, as lines
policy     every number in the rules that is ours to choose, frozen
states     the states of subscriptions and charges with their transitions; the kinds of decline
declines   what a decline code means for the next try, and what the customer may be told
dunning    when a declined renewal is tried again, and when that is over
reminders  which mail is due before a term ends
vat        the VAT treatment of a sale
vat_area   where a buyer is for VAT: member states, territories, outside
vat_rates  the standard rates with their days and sources
quote      the sum to charge, what credit pays, and what is carried
holdings   what a customer has as lots, each at the price it was bought at
change     what a change costs or gives back for the days left
refund     what goes back to the customer, and from which charge
exchange   which exchange rate holds for a day, and what a document's sums are at it
numbering  how an invoice number looks
"""
