"""Odnowa: renews, reminds, suspends and invoices subscriptions; the map of the house.

errors, clock           what can go wrong; the only reader of time
boundary, telemetry     the two doors (transaction, call); logs and metrics
billing                 pure rules: money, calendar, catalogue, dunning, reminders, VAT, numbers
store                   PostgreSQL: schema, migrations, named set-based statements
gateways                what leaves the machine: Stripe, SMTP, VIES, pacing
documents, templates    what people read: mails and invoices
broker, queue           Dramatiq as a doorbell; runs and work items as the durable truth
runtime                 the composition root: Settings -> Runtime
charging                the money pipeline
desk                    what customers and support may do, one file each
job, jobs               @job, and one file per job
ops, main               the operator's command line; what the dramatiq command loads
sandbox                 private servers, the Stripe emulator, a mail sink, a stand-in for VIES, sample data, the demo
"""
