"""x"""
from datetime import date
from tests.support import builders as b, work as w
def test_x(engine):
    b.catalogue(engine)
    s = b.subscriber(engine, credit_minor=5)
    t = b.subscriber(engine, method="paypal", ends_on=date(2026,3,31), interval="year", extra_conversations=100)
    b.subscriber(engine, method=None)
    for st in ("planned","priced","created","confirming","processing","unknown","declined","cancelling"):
        u = b.subscriber(engine); w.charge(engine, u, state=st)
    c = w.charge(engine, s, state="succeeded")
    w.attempt(engine, c, s, state="succeeded"); w.invoice(engine, c, s)
    for st in ("failed","cancelled"): w.charge(engine, t, state=st)
    c = w.charge(engine, t, state="declined", parked_reason="x"); w.attempt(engine, c, t)
    for st in ("waiting","sent","failed","withdrawn"): w.mail(engine, s.account_id, state=st)
    w.notice(engine, s)
    w.run(engine, held_reason="much"); w.run(engine, trigger="manual")
    for st in ("ready","done","dead","cancelled"): w.item(engine, state=st)
    print(b.counts(engine)); print(b.rows(engine, "select * from entitlements"))
