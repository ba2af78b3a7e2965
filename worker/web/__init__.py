"""The ops console and what machines ask over HTTP: one process of Starlette, rendered here, no build step.

How a page is added (say *Money*):

1. A file `money.py` of its own, with `pages: list[Guarded]` made by the decorators of `visit.py`:

       @page("/money", role=Role.READ_ONLY, menu=N_("Money"))
       def money(visit: Visit) -> Response:
           with boundary.transaction(visit.console.reading, "web.money") as connection:
               months = console.money.months(connection, ...)
           return visit.render("money.html.j2", months=months)

       @act("/money/release", role=Role.OPERATOR)
       def release(visit: Visit) -> Response:
           ... visit.need("reason") ...; return visit.done("/money", "released")

       pages = [money, release]

   `page` answers GET, `act` answers POST; both demand a session and the role, `act` demands the CSRF token, too.
   Functions are plain ones and run in a thread; `visit.now`, `visit.person`, `visit.field(name)` are at hand.
2. One line in `app.py`: `PAGES` holds the modules in the order of the menu.
3. Queries in `worker/store/console/money.py`: named statements, read through `console.reading`, whose connections
   are read-only and end statements after WEB_PAGE_TIMEOUT_S. What changes something is a function of
   `worker/operating` or `worker/desk` and takes `visit.by`, the name for the audit log.
4. A template `worker/templates/console/money.html.j2` that extends `layout.html.j2`; parts that are polled stand in a
   file of their own and are included. Filters: `instant`, `day`, `age`, `money`, `count`, `personal` (masks what
   names a person, for read-only), `breakable` (a job's name in a narrow column).
   Charts are made by `charts.py`. What `visit.done` confirms is a line in `notices.py`.
5. Words: `_("...")` in templates, `N_("...")` in Python, and a line in `worker/templates/locale/{pl,en,cs}/LC_MESSAGES/
   console.po`; a test says which are missing.
6. Tests in `tests/web/test_money.py` with the fixtures of `tests/web/conftest.py`. `test_access.py` walks all routes by
   itself: no page without session and role, no POST without token.
"""
