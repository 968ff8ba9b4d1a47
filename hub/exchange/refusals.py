"""What the exchange refuses."""

from hub.kernel.errors import HubError


class PartnerSpeaksNoFiles(HubError):
    """A partner whose brand does not speak files."""

    code = "partner_speaks_no_files"


class FileMissing(HubError):
    """There is no file with this id."""

    code = "file_missing"


class FileNotRefused(HubError):
    """Only a file of ours that its partner refused, and that no other took the place of, is sent again by hand."""

    code = "file_not_refused"
