"""Write the rows behind the limits of an account."""

from apps.accounts.models import Account
from apps.safety.models import AccountRisk


def ensure_account_risk(account: Account) -> AccountRisk:
    """Return the row that both gates of an account lock, made when it is new."""
    row, _ = AccountRisk.objects.get_or_create(account=account)
    return row
