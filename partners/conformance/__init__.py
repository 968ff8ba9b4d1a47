"""The conformance kit: what any brand must keep, tried against its simulator over real HTTP.

Knows what outcomes must follow from what happened at the partner. Knows no brand, no test framework, and nothing of the
hub's own work; reports can be read by people and machines.
"""

from partners.conformance.folders import PROMISES as PROMISES
from partners.conformance.folders import check_folder as check_folder
from partners.conformance.kit import CHECKS as CHECKS
from partners.conformance.kit import check_bench as check_bench
from partners.conformance.kit import check_brand as check_brand
from partners.conformance.reports import FORMATS as FORMATS
from partners.conformance.types import CheckUnknown as CheckUnknown
from partners.conformance.types import Finding as Finding
from partners.conformance.types import Group as Group
from partners.conformance.types import Report as Report
from partners.conformance.types import Verdict as Verdict
