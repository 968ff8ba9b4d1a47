"""Corner Shop: a retailer whose points move once a day, by files both ways."""
