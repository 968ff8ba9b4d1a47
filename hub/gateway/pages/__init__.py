"""The few pages that people see: signing in, saying yes or no to an app, enrolling.

Knows HTML, cookies and forms; needs no scripts but for passkeys. What is decided is decided in `hub.access`.
"""
