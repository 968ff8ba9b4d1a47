"""What every part of the hub may use: errors, amounts, clock, ids, limits and log. Standard library only."""
