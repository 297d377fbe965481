from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0005_people_who_act_for_her")]

    operations = [
        migrations.AddField(
            model_name="delegation",
            name="reminded",
            field=models.DateTimeField(help_text="both were told that it ends soon", null=True),
        ),
    ]
