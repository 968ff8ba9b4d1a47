"""Corner Shop: see `partners.files.adapter`; everything peculiar stands in profile.toml."""

from partners.adapter import BrandAdapter


class CornerShopAdapter(BrandAdapter):
    """Whole points; one file a day each way."""
