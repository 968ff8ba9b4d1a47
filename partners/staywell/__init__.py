"""The brand staywell: hotel nights and points."""
