"""A Stripe emulator: a loopback process that answers as Stripe does and moves no real money.

It imports nothing of the product, so that neither can quietly agree with the other's mistakes.
"""
