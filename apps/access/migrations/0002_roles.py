"""The staff roles of spec/safety.md section 5; their rights come with the parts."""

from django.db import migrations

ROLES = ("viewer", "trader", "risk-1", "risk-2", "admin", "break-glass")


def create_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
