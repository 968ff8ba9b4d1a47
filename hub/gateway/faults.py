"""Which faults mean "come back later": the database cannot be reached, or is too busy to answer in time.

Knows the drivers' exceptions. Every other fault is a mistake of ours.
"""

import psycopg
from sqlalchemy.exc import OperationalError, TimeoutError


def is_passing(fault: BaseException) -> bool:
    """Whether the same request may well succeed a little later."""
    return isinstance(fault, psycopg.OperationalError | OperationalError | TimeoutError)
