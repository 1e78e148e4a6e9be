"""Write the rows behind the limits of an account."""

from apps.accounts.models import Account
from apps.common.prepared import Prepared
from apps.safety.models import AccountRisk

_risk_of_account = Prepared(lambda pk: AccountRisk.objects.filter(account_id=pk), int)


def ensure_account_risk(account: Account) -> AccountRisk:
    """Return the row that both gates of an account lock, made when it is new."""
    known = _risk_of_account.first(account.pk)
    return known or AccountRisk.objects.get_or_create(account=account)[0]
