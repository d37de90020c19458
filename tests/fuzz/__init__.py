"""Inputs that no writer wrote, made by the thousand: `python -m tests.fuzz --seconds 60`.

A *target* turns a seeded `Random` into a `Case`: some bytes, and one thing that a user may do with
them. Whatever the bytes are, that thing ends well or with a `DigitzipError` of one line, in bounded
memory. Targets know the structure of what they break, and make checksums good again behind it, so
that what stands behind the checksums is reached too.
"""
