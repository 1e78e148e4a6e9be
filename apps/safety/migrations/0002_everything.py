"""Give the scope of everything its row: paper starts ACTIVE, live starts HALTED until armed."""

from django.conf import settings
from django.db import migrations
from django.utils import timezone


def store_everything(apps, schema_editor):
    """Make the row; without it no gate could lock the state of everything."""
    rows = apps.get_model("safety", "TradingState").objects.using(schema_editor.connection.alias)
    rows.get_or_create(
        scope="*",
        defaults={
            "state": "ACTIVE" if settings.PAPER_TRADING else "HALTED",
            "reason": "first start",
            "actor": "system",
            "at": timezone.now(),
        },
    )


class Migration(migrations.Migration):
    """Data only; going back leaves the row, which 0001 then drops with its table."""

    dependencies = [("safety", "0001_initial")]

    operations = [migrations.RunPython(store_everything, migrations.RunPython.noop)]
