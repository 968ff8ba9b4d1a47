"""ISO 4217 currencies a partner may settle in, and how many digits their minor units have.

Source: ISO 4217 list one (active codes with a minor unit, funds codes and metals left out).
"""

_EXPONENTS: dict[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
        "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR "
        "IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN "
        "NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP "
        "STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_EXPONENT = {code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()}

# Digits that the ledger keeps beyond the currency's own, unless an agreement says less.
LEDGER_DIGITS_MORE = 5


def is_currency(code: str) -> bool:
    """Whether `code` is an active ISO 4217 currency."""
    return code in _EXPONENT


def exponent(currency: str) -> int:
    """Digits of the currency's minor unit: 2 for USD, 0 for JPY."""
    return _EXPONENT[currency]


def default_ledger_scale(currency: str) -> int:
    """Digits the ledger keeps for `currency` when nothing else is agreed: 7 for USD."""
    return _EXPONENT[currency] + LEDGER_DIGITS_MORE
