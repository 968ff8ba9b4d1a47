"""Every shape that crosses a border, as marshmallow schemas. Knows forms and bounds; does not know behaviour."""
