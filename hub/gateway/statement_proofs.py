"""What lets a partner check a statement, or print it: `/proofs`, `/signature` and `/pdf`, and the hub's public keys."""

from flask import Flask

from hub.access.scopes import Scope
from hub.access.statement_keys import published_statement_keys, statement_keys
from hub.gateway.door import Door
from hub.gateway.parsing import checked_id
from hub.gateway.replies import Reply, json_reply
from hub.reports.pdf import statement_pdf
from hub.reports.proofs import entry_view, proven_entries, signature_view
from hub.settlement import store
from hub.settlement.signing import signature

_ROUTE = "/v1/statements/<id>"

# Requests that setting a page counts as: it takes as long as so many others.
_PDF_COST = 20
_PUBLIC = "public, max-age=300"  # seconds


class StatementProofRoutes:
    """Nothing here is kept twice: all of it is made from the statement, the ledger and the signature."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in (
            (f"{_ROUTE}/pdf", self.pdf),
            (f"{_ROUTE}/proofs", self.proofs),
            (f"{_ROUTE}/signature", self.signature),
            ("/.well-known/statement-keys.json", self.keys),
        ):
            name = f"statement_proofs.{view.__name__}"
            app.add_url_rule(path, name, view, methods=["GET"], provide_automatic_options=False)

    def pdf(self, id: str) -> Reply:
        """The statement as a document to print or to send."""
        principal = self._door.caller(Scope.SETTLEMENTS_READ, cost=_PDF_COST)
        with self._door.reading(principal) as work:
            found = store.statement_by_id(work, checked_id(id), live=principal.live)
            signed = signature(work, found.id)
        reply = Reply(statement_pdf(found.document, signature_view(found, signed)), 200, "application/pdf")
        reply.add("Content-Disposition", f'attachment; filename="{found.id}.pdf"')
        return reply

    def proofs(self, id: str) -> Reply:
        """Every entry under the statement's Merkle roots."""
        principal = self._door.caller(Scope.SETTLEMENTS_READ)
        listing = self._door.listing()
        after = (int(listing.after[0]), int(listing.after[1])) if listing.after else (0, 0)
        with self._door.reading(principal) as work:
            found = store.statement_by_id(work, checked_id(id), live=principal.live)
        # The ledger is closed to readers; what is read here lies under the roots of a statement they may see.
        with self._door.services.database.read() as work:
            rows = proven_entries(work, found, after=after, limit=listing.limit + 1)
        return listing.page(rows, entry_view, lambda one: (str(one.place), str(one.leaf.version)))

    def signature(self, id: str) -> Reply:
        """The hub's signature over the statement's bytes."""
        principal = self._door.caller(Scope.SETTLEMENTS_READ)
        with self._door.reading(principal) as work:
            found = store.statement_by_id(work, checked_id(id), live=principal.live)
            signed = signature(work, found.id)
        return self._door.shown(signature_view(found, signed))

    def keys(self) -> Reply:
        """Public keys that statements are signed with, old ones too. Source: RFC 7517 §5, RFC 8037 §2."""
        with self._door.services.database.read() as work:
            keys = statement_keys(work)
        reply = json_reply(published_statement_keys(keys))
        reply.add("Cache-Control", _PUBLIC)
        return reply
