"""The durable side of the queue: runs, work items, leases, dispatch. PostgreSQL decides; Redis only rings.

plans      what a job's planner is given and gives back
runs       insert and plan runs, the timetable, catching up, holding and releasing
items      lease, finish, fail, fence, requeue
execution  one item from lease to done, its lease kept alive
dispatch   the sweep that turns ready items into messages
"""
