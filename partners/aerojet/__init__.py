"""The brand aerojet: airline miles."""
