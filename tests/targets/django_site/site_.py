"""A Django project in one file: ``site_.py runserver --noreload 127.0.0.1:PORT``."""

import sys
from pathlib import Path

from django.conf import settings
from django.core.management import execute_from_command_line
from django.shortcuts import render
from django.urls import path

TEMPLATES = Path(__file__).parent / "templates"

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=True,
    ROOT_URLCONF=__name__,
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [TEMPLATES],
            "OPTIONS": {"debug": True},
        }
    ],
)


def page(request, name):
    return render(request, f"{name}.html", {"items": [1, 2], "empty": []})


urlpatterns = [path("<str:name>", page)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
