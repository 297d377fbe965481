"""``make bench``: what the record costs, as ratios to bare PostgreSQL and bare Django in the same run on this machine.

Everything runs on 127.0.0.1 with servers of the run's own under ``var/bench``; nothing of a demo is touched.
"""
