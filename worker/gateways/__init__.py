"""Everything that leaves the machine: the payment provider, the mail server, VIES, the bank's rates, and the pace.

answers   what a call to the provider came to, in our words
stripe    the provider's client: create, confirm, read, cancel, events
pacing    slots for calls, shared by all workers
smtp      the mail server
vies      the EU's register of VAT numbers
vies_rest a country that is not asked for a while
whole_answer an HTTP answer read within a time and a size
rates     the Czech National Bank's daily list of exchange rates
files     what is kept by its hash: the pages of documents
rate_lists how such a list is read, from its API and from files
"""
