"""Events for partners: endpoints, signing, deliveries, replay, and the log they are all told from.

Knows events, endpoints and how they are proven genuine. Does not know what an event's subject is: flows announce them.
What partners send is another room's, `hub.notifications`.
"""
